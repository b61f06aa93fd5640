//! `k6/crypto` against published vectors.

use crate::modules::testing::{eval, thrown};

/// What a function of the module gives in hexadecimal, for a text.
fn hash(function: &str, text: &str) -> String {
    let text = serde_json::Value::from(text);
    eval(&format!(
        "import crypto from 'k6/crypto'; export const result = crypto.{function}({text}, 'hex');"
    ))
}

#[test]
fn md4_is_that_of_rfc_1320() {
    assert_eq!(hash("md4", ""), "31d6cfe0d16ae931b73c59d7e0c089c0");
    assert_eq!(hash("md4", "abc"), "a448017aaf21d8525fc10ae87aa6729d");
    assert_eq!(hash("md4", "message digest"), "d9130a8164549fe818874806e1c7014b");
}

#[test]
fn md5_is_that_of_rfc_1321() {
    assert_eq!(hash("md5", ""), "d41d8cd98f00b204e9800998ecf8427e");
    assert_eq!(hash("md5", "abc"), "900150983cd24fb0d6963f7d28e17f72");
    assert_eq!(hash("md5", "message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
    assert_eq!(
        hash("md5", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
        "d174ab98d277d9f5a5611c2c9f419d9f"
    );
}

#[test]
fn ripemd160_is_that_of_its_authors() {
    assert_eq!(hash("ripemd160", ""), "9c1185a5c5e9fc54612808977ee8f548b2258d31");
    assert_eq!(hash("ripemd160", "abc"), "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc");
    assert_eq!(hash("ripemd160", "message digest"), "5d0689ef49d2fae572b881b123a85ffa21595f36");
}

#[test]
fn sha_is_that_of_fips_180() {
    let one_block = "abc";
    assert_eq!(hash("sha1", one_block), "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_eq!(
        hash("sha1", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
    );
    assert_eq!(
        hash("sha256", one_block),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert_eq!(
        hash("sha384", one_block),
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"
    );
    assert_eq!(
        hash("sha512", one_block),
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
    );
    assert_eq!(
        hash("sha512_224", one_block),
        "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa"
    );
    assert_eq!(
        hash("sha512_256", one_block),
        "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"
    );
}

/// RFC 2202 and 4231, test case 1: twenty bytes of 0x0b, "Hi There"; and the case with a key longer
/// than a block.
#[test]
fn hmac_is_that_of_rfc_2202_and_4231() {
    let hmac = |algorithm: &str, key: &str, text: &str| {
        eval(&format!(
            "import {{ hmac, createHMAC }} from 'k6/crypto';
             const key = new Uint8Array({key});
             const whole = hmac('{algorithm}', key, '{text}', 'hex');
             const parts = createHMAC('{algorithm}', key.buffer);
             for (const letter of '{text}') parts.update(letter);
             if (parts.digest('hex') !== whole) throw new Error('parts differ');
             export const result = whole;"
        ))
    };
    let short = |length: usize| format!("{length}).fill(0x0b");
    assert_eq!(hmac("md5", &short(16), "Hi There"), "9294727a3638bb1c13f48ef8158bfc9d");
    assert_eq!(hmac("sha1", &short(20), "Hi There"), "b617318655057264e28bc0b6fb378c8ef146be00");
    assert_eq!(
        hmac("sha256", &short(20), "Hi There"),
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    );
    assert_eq!(
        hmac("sha384", &short(20), "Hi There"),
        "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6"
    );
    assert_eq!(
        hmac("sha512", &short(20), "Hi There"),
        "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"
    );
    let long = "Test Using Larger Than Block-Size Key - Hash Key First";
    assert_eq!(hmac("md5", "80).fill(0xaa", long), "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
    assert_eq!(hmac("sha1", "80).fill(0xaa", long), "aa4ae5e15272d00e95705637ce8a3b55ed402112");
    assert_eq!(
        hmac("sha256", "131).fill(0xaa", long),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    );
    // RFC 2286.
    assert_eq!(
        hmac("ripemd160", &short(20), "Hi There"),
        "24cb4bd67d20fc1a5d2ed7732dcc39377f0a5668"
    );
}

/// The algorithms that no RFC has an HMAC for are held against its definition: H(K ^ opad, H(K ^
/// ipad, text)).
#[test]
fn every_hmac_is_what_hmac_is_defined_as() {
    let script = "import crypto from 'k6/crypto';
        const block = { md4: 64, md5: 64, sha1: 64, sha256: 64, sha384: 128, sha512: 128, sha512_224: 128, sha512_256: 128, ripemd160: 64 };
        const wrong = [];
        for (const [name, size] of Object.entries(block)) {
          for (const length of [0, 1, size - 1, size, size + 1, 300]) {
            const key = new Uint8Array(length).map((_, i) => i * 7 + 1);
            const short = length > size ? new Uint8Array(crypto[name](key, 'binary')) : key;
            const padded = (value) => { const pad = new Uint8Array(size).fill(value); short.forEach((byte, i) => { pad[i] ^= byte; }); return pad; };
            const inner = crypto.createHash(name); inner.update(padded(0x36)); inner.update('text é');
            const outer = crypto.createHash(name); outer.update(padded(0x5c)); outer.update(inner.digest('binary'));
            if (outer.digest('hex') !== crypto.hmac(name, key, 'text é', 'hex')) wrong.push(name + length);
          }
        }
        export const result = wrong.join() || 'all hold';";
    assert_eq!(eval(script), "all hold");
}

#[test]
fn hashers_go_on_after_a_digest() {
    let script = "import crypto from 'k6/crypto';
        const wrong = [];
        for (const name of ['md4', 'md5', 'sha1', 'sha256', 'sha384', 'sha512', 'sha512_224', 'sha512_256', 'ripemd160']) {
          const hasher = crypto.createHash(name);
          if (hasher.digest('hex') !== crypto[name]('', 'hex')) wrong.push(name);
          hasher.update('hello ');
          hasher.digest('hex');
          hasher.update(new Uint8Array([119, 111, 114, 108, 100]));
          if (hasher.digest('hex') !== crypto[name]('hello world', 'hex')) wrong.push(name);
        }
        export const result = wrong.join() || 'all hold';";
    assert_eq!(eval(script), "all hold");
}

#[test]
fn digests_have_five_forms() {
    let script = "import { sha1, createHash, hexEncode } from 'k6/crypto';
        const bytes = sha1('f', 'binary');
        export const result = [
          sha1('f', 'hex'), sha1('f', 'base64'), sha1('f', 'base64url'), sha1('f', 'base64rawurl'),
          bytes instanceof ArrayBuffer, hexEncode(bytes), hexEncode('é'), createHash('sha1').digest('base64rawurl'),
        ].join();";
    // SHA-1 of "f", whose base64 has both letters that URLs do not take.
    assert_eq!(
        eval(script),
        "4a0a19218e082a343a1b17e5333409af9d98f0f5,SgoZIY4IKjQ6GxflMzQJr52Y8PU=,SgoZIY4IKjQ6GxflMzQJr52Y8PU=,SgoZIY4IKjQ6GxflMzQJr52Y8PU,true,4a0a19218e082a343a1b17e5333409af9d98f0f5,c3a9,2jmj7l5rSw0yVb_vlWAYkK_YBwk"
    );
}

#[test]
fn random_bytes_are_random() {
    let script = "import { randomBytes } from 'k6/crypto';
        const a = new Uint8Array(randomBytes(32)), b = new Uint8Array(randomBytes(32));
        export const result = [a.length, a.join() !== b.join(), new Set(a).size > 8, randomBytes(1).byteLength].join();";
    assert_eq!(eval(script), "32,true,true,1");
    for count in ["0", "-1", "", "'x'", "NaN", "1e300"] {
        let told =
            thrown(&format!("import {{ randomBytes }} from 'k6/crypto'; randomBytes({count});"));
        assert!(told.contains("a number of bytes"), "{count}: {told}");
    }
}

#[test]
fn what_is_wrong_is_told() {
    let told = |code: &str| thrown(&format!("import crypto from 'k6/crypto'; {code};"));
    assert!(told("crypto.createHash('sha3')").contains("\"sha3\" is no hash algorithm"));
    assert!(told("crypto.hmac('md6', 'k', 'd', 'hex')").contains("\"md6\" is no hash algorithm"));
    assert!(told("crypto.md5('x')").contains("no form of a digest"));
    assert!(told("crypto.md5('x', 'HEX')").contains("\"HEX\" is no form of a digest"));
    assert!(told("crypto.md5(1, 'hex')").contains("must be a string"));
    assert!(told("crypto.createHash('md5').update()").contains("must be a string"));
    assert!(told("crypto.createHMAC('md5')").contains("the secret of an HMAC must be a string"));
    assert!(told("crypto.hexEncode({})").contains("must be a string"));
}
