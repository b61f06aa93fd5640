//! `k6/crypto`: hashes, HMAC, random bytes.

mod running;

use aws_lc_rs::rand;
use base64::Engine;
use rquickjs::class::Trace;
use rquickjs::function::{Func, Opt};
use rquickjs::{ArrayBuffer, Class, Ctx, Exception, IntoJs, JsLifetime, Object, Value};

use self::running::{Algorithm, Running};
use super::encoding::{PADDED, URL_BARE, URL_PADDED};
use super::{Exported, input};

pub(crate) struct Crypto;

impl Exported for Crypto {
    const NAMES: &'static [&'static str] = &[
        "createHash",
        "createHMAC",
        "hexEncode",
        "hmac",
        "md4",
        "md5",
        "randomBytes",
        "ripemd160",
        "sha1",
        "sha256",
        "sha384",
        "sha512",
        "sha512_224",
        "sha512_256",
    ];

    fn build<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
        let object = Object::new(ctx.clone())?;
        object.set("createHash", Func::from(create_hash))?;
        object.set("createHMAC", Func::from(create_hmac))?;
        object.set("hexEncode", Func::from(hex_encode))?;
        object.set("hmac", Func::from(hmac))?;
        object.set("randomBytes", Func::from(random_bytes))?;
        for algorithm in Algorithm::ALL {
            let hash = move |ctx: Ctx<'js>, input: Opt<Value<'js>>, form: Opt<Value<'js>>| {
                let mut running = algorithm.begin();
                running.update(&given(&ctx, input, "the input")?);
                formed(&ctx, running.digest(), form)
            };
            object.set(algorithm.name(), Func::from(hash))?;
        }
        Ok(object)
    }
}

/// What `createHash` and `createHMAC` give: bytes go in bit by bit, digests come out at any time.
#[derive(Trace, JsLifetime)]
#[rquickjs::class]
pub(crate) struct Hasher {
    #[qjs(skip_trace)]
    running: Box<dyn Running>,
}

#[rquickjs::methods]
impl Hasher {
    /// Takes more bytes.
    pub(crate) fn update<'js>(
        &mut self,
        ctx: Ctx<'js>,
        input: Opt<Value<'js>>,
    ) -> rquickjs::Result<()> {
        let bytes = given(&ctx, input, "what a hasher is updated with")?;
        self.running.update(&bytes);
        Ok(())
    }

    /// The digest of all bytes so far.
    pub(crate) fn digest<'js>(
        &self,
        ctx: Ctx<'js>,
        form: Opt<Value<'js>>,
    ) -> rquickjs::Result<Value<'js>> {
        formed(&ctx, self.running.digest(), form)
    }
}

fn create_hash<'js>(
    ctx: Ctx<'js>,
    algorithm: Opt<Value<'js>>,
) -> rquickjs::Result<Class<'js, Hasher>> {
    let running = named(&ctx, algorithm)?.begin();
    Class::instance(ctx, Hasher { running })
}

fn create_hmac<'js>(
    ctx: Ctx<'js>,
    algorithm: Opt<Value<'js>>,
    key: Opt<Value<'js>>,
) -> rquickjs::Result<Class<'js, Hasher>> {
    let algorithm = named(&ctx, algorithm)?;
    let running = algorithm.begin_keyed(&given(&ctx, key, "the secret of an HMAC")?);
    Class::instance(ctx, Hasher { running })
}

fn hmac<'js>(
    ctx: Ctx<'js>,
    algorithm: Opt<Value<'js>>,
    key: Opt<Value<'js>>,
    data: Opt<Value<'js>>,
    form: Opt<Value<'js>>,
) -> rquickjs::Result<Value<'js>> {
    let algorithm = named(&ctx, algorithm)?;
    let mut running = algorithm.begin_keyed(&given(&ctx, key, "the secret of an HMAC")?);
    running.update(&given(&ctx, data, "the data of an HMAC")?);
    formed(&ctx, running.digest(), form)
}

fn hex_encode<'js>(ctx: Ctx<'js>, input: Opt<Value<'js>>) -> rquickjs::Result<String> {
    given(&ctx, input, "the input of hexEncode()").map(|bytes| hex(&bytes))
}

fn random_bytes<'js>(ctx: Ctx<'js>, count: Opt<Value<'js>>) -> rquickjs::Result<ArrayBuffer<'js>> {
    const MOST: f64 = 2_147_483_647.0;
    let count = count.0.and_then(|count| count.as_number()).unwrap_or(f64::NAN).trunc();
    if !(1.0..=MOST).contains(&count) {
        let words = "randomBytes() needs a number of bytes, at least 1";
        return Err(Exception::throw_message(&ctx, words));
    }
    let bytes = random(&ctx, count as usize)?;
    ArrayBuffer::new(ctx, bytes)
}

/// Random bytes that nobody can foretell; `randomSeed` has no say in them.
pub(super) fn random(ctx: &Ctx<'_>, count: usize) -> rquickjs::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    rand::fill(&mut bytes).map_err(|_| {
        Exception::throw_message(ctx, "the system's source of randomness gave nothing")
    })?;
    Ok(bytes)
}

fn named(ctx: &Ctx<'_>, name: Opt<Value<'_>>) -> rquickjs::Result<Algorithm> {
    let name = name.0.and_then(|name| name.into_string()?.to_string().ok()).unwrap_or_default();
    Algorithm::ALL.into_iter().find(|known| known.name() == name).ok_or_else(|| {
        let names: Vec<&str> = Algorithm::ALL.iter().map(|known| known.name()).collect();
        let words = format!("{name:?} is no hash algorithm; there are {}", names.join(", "));
        Exception::throw_message(ctx, &words)
    })
}

fn given<'js>(ctx: &Ctx<'js>, value: Opt<Value<'js>>, what: &str) -> rquickjs::Result<Vec<u8>> {
    let value = value.0.unwrap_or_else(|| Value::new_undefined(ctx.clone()));
    input::bytes(ctx, &value, what)
}

/// A digest in the form a script asks for.
fn formed<'js>(
    ctx: &Ctx<'js>,
    digest: Vec<u8>,
    form: Opt<Value<'js>>,
) -> rquickjs::Result<Value<'js>> {
    let form = form.0.and_then(|form| form.into_string()?.to_string().ok()).unwrap_or_default();
    match form.as_str() {
        "hex" => hex(&digest).into_js(ctx),
        "base64" => PADDED.encode(digest).into_js(ctx),
        "base64url" => URL_PADDED.encode(digest).into_js(ctx),
        "base64rawurl" => URL_BARE.encode(digest).into_js(ctx),
        "binary" => ArrayBuffer::new(ctx.clone(), digest)?.into_js(ctx),
        other => {
            let words = format!(
                "{other:?} is no form of a digest; there are hex, base64, base64url, base64rawurl, binary"
            );
            Err(Exception::throw_message(ctx, &words))
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests;
