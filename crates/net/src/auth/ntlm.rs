//! NTLM, version 2 (MS-NLMP), as it is spoken over HTTP: three messages that authenticate a
//! connection. Nothing is signed or sealed afterwards, and no channel is bound: a server that insists
//! on extended protection refuses.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{HeaderMap, HeaderValue};
use md4::{Digest as _, Md4};
use md5::Md5;
use seaworthy_base::Timestamp;

use crate::auth::{Login, challenge, values};
use crate::error::Error;

/// MS-NLMP §2.2.2.5.
const UNICODE: u32 = 0x0000_0001;
const REQUEST_TARGET: u32 = 0x0000_0004;
const NTLM: u32 = 0x0000_0200;
const ALWAYS_SIGN: u32 = 0x0000_8000;
const EXTENDED_SECURITY: u32 = 0x0008_0000;
const TARGET_INFO: u32 = 0x0080_0000;
const BITS_128: u32 = 0x2000_0000;
const BITS_56: u32 = 0x8000_0000;

const OFFERED: u32 = UNICODE
    | REQUEST_TARGET
    | NTLM
    | ALWAYS_SIGN
    | EXTENDED_SECURITY
    | TARGET_INFO
    | BITS_128
    | BITS_56;

const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";

/// The kinds of value in a target's description (§2.2.2.1).
const END: u16 = 0;
const FLAGS: u16 = 6;
const TIME: u16 = 7;

/// The first message: what this side can do.
pub fn negotiate() -> Vec<u8> {
    let mut message = SIGNATURE.to_vec();
    message.extend_from_slice(&1_u32.to_le_bytes());
    message.extend_from_slice(&OFFERED.to_le_bytes());
    // No domain and no workstation of our own.
    message.extend_from_slice(&[0; 16]);
    message
}

/// A message as the value of `Authorization`; `scheme` is `NTLM` or `Negotiate`.
pub fn header(scheme: &str, message: &[u8]) -> HeaderValue {
    let text = format!("{scheme} {}", STANDARD.encode(message));
    HeaderValue::try_from(text).expect("base64 behind the name of a scheme is a header's value")
}

/// The second message: what the server wants to see encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    flags: u32,
    nonce: [u8; 8],
    /// What the server says of itself: kinds and values.
    target: Vec<(u16, Vec<u8>)>,
    /// The whole message.
    bytes: Vec<u8>,
}

impl Challenge {
    /// The challenge among an answer's headers. `None` when there is none, which is how a server
    /// refuses what came before.
    ///
    /// # Errors
    /// `authentication_failed` for one that is broken.
    pub fn find(headers: &HeaderMap, scheme: &str) -> Result<Option<Self>, Error> {
        for value in values(headers) {
            for parts in challenge::all(value) {
                if parts.scheme.eq_ignore_ascii_case(scheme) && !parts.token.is_empty() {
                    let bytes = STANDARD.decode(&parts.token);
                    let read = bytes.ok().and_then(Self::read);
                    let broken = || Error::AuthenticationFailed("the challenge is broken".into());
                    return read.ok_or_else(broken).map(Some);
                }
            }
        }
        Ok(None)
    }

    fn read(bytes: Vec<u8>) -> Option<Self> {
        let kind = u32::from_le_bytes(array(&bytes, 8)?);
        if !bytes.starts_with(SIGNATURE) || kind != 2 {
            return None;
        }
        let flags = u32::from_le_bytes(array(&bytes, 20)?);
        let nonce = array(&bytes, 24)?;
        let mut target = Vec::new();
        if flags & TARGET_INFO != 0 {
            let length = usize::from(u16::from_le_bytes(array(&bytes, 40)?));
            let start = usize::try_from(u32::from_le_bytes(array(&bytes, 44)?)).ok()?;
            let mut rest = bytes.get(start..)?.get(..length)?;
            while !rest.is_empty() {
                let kind = u16::from_le_bytes(array(rest, 0)?);
                let length = usize::from(u16::from_le_bytes(array(rest, 2)?));
                if kind == END {
                    break;
                }
                target.push((kind, rest.get(4..)?.get(..length)?.to_vec()));
                rest = &rest[4 + length..];
            }
        }
        Some(Self { flags, nonce, target, bytes })
    }

    /// The third message. `negotiate` is the first one as it was sent, `random` this side's nonce.
    pub fn answer(
        &self,
        login: &Login,
        negotiate: &[u8],
        random: [u8; 8],
        now: Timestamp,
    ) -> Vec<u8> {
        let (domain, user) = login.user.split_once('\\').unwrap_or(("", &login.user));
        let key = response_key(user, domain, &login.password);
        // A server that tells its time wants the messages vouched for (§3.1.5.1.2).
        let said = self.target.iter().find(|(kind, _)| *kind == TIME);
        let time = match said.and_then(|(_, time)| array(time, 0)) {
            Some(time) => u64::from_le_bytes(time),
            None => file_time(now),
        };
        let mut target = self.target.clone();
        if said.is_some() {
            const VOUCHED: u32 = 2;
            target.retain(|(kind, _)| *kind != FLAGS);
            target.push((FLAGS, VOUCHED.to_le_bytes().to_vec()));
        }
        let (proof, nt) = nt_response(&key, &self.nonce, random, time, &described(&target));
        let lm = match said {
            Some(_) => vec![0; 24],
            None => {
                let mut lm = mac(&key, &[&self.nonce, &random]).to_vec();
                lm.extend_from_slice(&random);
                lm
            }
        };
        let flags = self.flags & OFFERED;
        let mut message = SIGNATURE.to_vec();
        message.extend_from_slice(&3_u32.to_le_bytes());
        // Behind what follows: six fields, flags, a version that is not told, and the code.
        const PAYLOAD: usize = 88;
        let (domain, user) = (utf16(domain), utf16(user));
        let mut payload: Vec<u8> = Vec::new();
        for field in [&lm, &nt, &domain, &user, &Vec::new(), &Vec::new()] {
            let length = u16::try_from(field.len()).unwrap_or(u16::MAX).to_le_bytes();
            let start = u32::try_from(PAYLOAD + payload.len()).unwrap_or(u32::MAX).to_le_bytes();
            for part in [&length[..], &length, &start] {
                message.extend_from_slice(part);
            }
            payload.extend_from_slice(field);
        }
        message.extend_from_slice(&flags.to_le_bytes());
        message.extend_from_slice(&[0; PAYLOAD - 64]);
        message.extend_from_slice(&payload);
        if said.is_some() {
            // No key is exchanged, so the session's own is the one.
            let session = mac(&key, &[&proof]);
            let code = mac(&session, &[negotiate, &self.bytes, &message]);
            message[PAYLOAD - 16..PAYLOAD].copy_from_slice(&code);
        }
        message
    }
}

/// NTOWFv2 (§3.3.2).
fn response_key(user: &str, domain: &str, password: &str) -> [u8; 16] {
    let secret: [u8; 16] = Md4::digest(utf16(password)).into();
    mac(&secret, &[&utf16(&user.to_uppercase()), &utf16(domain)])
}

/// NTProofStr and NtChallengeResponse (§3.3.2).
fn nt_response(
    key: &[u8; 16],
    theirs: &[u8; 8],
    ours: [u8; 8],
    time: u64,
    target: &[u8],
) -> ([u8; 16], Vec<u8>) {
    let mut rest = vec![1, 1, 0, 0, 0, 0, 0, 0];
    for part in [&time.to_le_bytes()[..], &ours, &[0; 4], target, &[0; 4]] {
        rest.extend_from_slice(part);
    }
    let proof = mac(key, &[theirs, &rest]);
    let mut response = proof.to_vec();
    response.extend_from_slice(&rest);
    (proof, response)
}

/// A target's description, as it stands in messages.
fn described(target: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let end = (END, Vec::new());
    let mut bytes = Vec::new();
    for (kind, value) in target.iter().chain([&end]) {
        bytes.extend_from_slice(&kind.to_le_bytes());
        bytes.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
        bytes.extend_from_slice(value);
    }
    bytes
}

fn mac(key: &[u8; 16], parts: &[&[u8]]) -> [u8; 16] {
    let mut mac = Hmac::<Md5>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Windows' time: in steps of 100 ns since 1601.
fn file_time(time: Timestamp) -> u64 {
    const UNTIL_1970: u64 = 116_444_736_000_000_000;
    time.as_nanos() / 100 + UNTIL_1970
}

fn array<const N: usize>(bytes: &[u8], start: usize) -> Option<[u8; N]> {
    bytes.get(start..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::hex;
    use http::header::WWW_AUTHENTICATE;
    use proptest::prelude::*;

    /// The challenge of MS-NLMP §4.2.4.3.
    const CHALLENGE: &str = "4e544c4d53535000020000000c000c003800000033828ae2\
        0123456789abcdef00000000000000002400240044000000060070170000000f\
        53006500720076006500720002000c0044006f006d00610069006e0001000c0053006500720076006500720000000000";

    fn unhex(text: &str) -> Vec<u8> {
        let pairs = text.as_bytes().chunks(2);
        pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    fn login(user: &str) -> Login {
        Login { user: user.to_owned(), password: "Password".to_owned() }
    }

    #[test]
    fn the_computations_are_those_of_ms_nlmp() {
        let key = response_key("User", "Domain", "Password");
        assert_eq!(hex(&key), "0c868a403bfd7a93a3001ef22ef02e3f");
        let challenge = Challenge::read(unhex(CHALLENGE)).unwrap();
        assert_eq!(hex(&challenge.nonce), "0123456789abcdef");
        let target = described(&challenge.target);
        let (proof, response) = nt_response(&key, &challenge.nonce, [0xaa; 8], 0, &target);
        assert_eq!(hex(&proof), "68cd0ab851e51c96aabc927bebef6a1c");
        assert_eq!(
            hex(&response[16..]),
            "01010000000000000000000000000000aaaaaaaaaaaaaaaa0000000002000c0044006f006d00610069006e\
            0001000c005300650072007600650072000000000000000000"
        );
        assert_eq!(hex(&mac(&key, &[&proof])), "8de40ccadbc14a82f15cb0ad0de95ca3");
    }

    #[test]
    fn the_answer_holds_what_was_computed() {
        let challenge = Challenge::read(unhex(CHALLENGE)).unwrap();
        let now = Timestamp::from_nanos(0);
        let answer = challenge.answer(&login("Domain\\User"), &negotiate(), [0xaa; 8], now);
        let field = |at: usize| {
            let length = usize::from(u16::from_le_bytes(array(&answer, at).unwrap()));
            let start = u32::from_le_bytes(array(&answer, at + 4).unwrap()) as usize;
            &answer[start..start + length]
        };
        assert_eq!(hex(field(12)), "86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa");
        assert_eq!(field(28), utf16("Domain"));
        assert_eq!(field(36), utf16("User"));
        // 1970 in Windows' time is part of the proof.
        assert_eq!(hex(&field(20)[24..32]), "00803ed5deb19d01");
        assert_eq!(answer[72..88], [0; 16]);
        // A server that tells its time gets no answer in the old way, and a code instead.
        let told = (TIME, 7_u64.to_le_bytes().to_vec());
        let timed = Challenge { target: vec![told], ..challenge };
        let answer = timed.answer(&login("User"), &negotiate(), [0xaa; 8], now);
        assert_eq!(answer[88..112], [0; 24]);
        assert_ne!(answer[72..88], [0; 16]);
    }

    #[test]
    fn a_challenge_is_found_among_headers() {
        let find = |value: &str| {
            let value = HeaderValue::from_str(value).unwrap();
            Challenge::find(&HeaderMap::from_iter([(WWW_AUTHENTICATE, value)]), "NTLM")
        };
        let text = STANDARD.encode(unhex(CHALLENGE));
        assert!(find(&format!("Basic realm=x, NTLM {text}")).unwrap().is_some());
        assert!(find("NTLM").unwrap().is_none());
        assert!(find(&format!("Negotiate {text}")).unwrap().is_none());
        for broken in ["NTLM %", "NTLM TlRMTVNTUAAB", &format!("NTLM {}", &text[..60])] {
            assert_eq!(find(broken).unwrap_err().code(), "authentication_failed", "{broken}");
        }
    }

    proptest! {
        #[test]
        fn no_challenge_panics(cut in 0_usize..120, at in 0_usize..120, byte in any::<u8>()) {
            let mut bytes = unhex(CHALLENGE);
            if let Some(slot) = bytes.get_mut(at) {
                *slot = byte;
            }
            bytes.truncate(cut);
            if let Some(challenge) = Challenge::read(bytes) {
                let now = Timestamp::from_nanos(0);
                _ = challenge.answer(&login("User"), &negotiate(), [0; 8], now);
            }
        }
    }
}
