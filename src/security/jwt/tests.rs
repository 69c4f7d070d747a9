//! Tokens of other issuers, and every trick that is known to work against readers of them.

use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use serde_json::json;

use super::*;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

fn policy(algorithms: &[Algorithm]) -> JwtPolicy {
    JwtPolicy {
        algorithms: algorithms.to_vec(),
        issuer: Some("https://id.example".into()),
        audience: Some("tv".into()),
        channels_claim: "channels".into(),
    }
}

fn claims() -> Value {
    json!({"iss": "https://id.example", "aud": ["tv", "radio"], "exp": 1_800_000_000, "sub": "ann", "channels": ["news"]})
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn with(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn hmac(secret: &[u8]) -> impl Fn(&[u8]) -> Vec<u8> {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    move |text| ring::hmac::sign(&key, text).as_ref().to_vec()
}

fn hs256(claims: &Value) -> String {
    with(&json!({"alg": "HS256", "typ": "JWT"}), claims, hmac(SECRET))
}

fn ed25519() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[5; 32]).unwrap()
}

fn public_set(id: &str) -> KeySet {
    let x = URL_SAFE_NO_PAD.encode(ed25519().public_key().as_ref());
    let set = json!({"keys": [
        {"kty": "OKP", "crv": "Ed25519", "kid": id, "x": x},
        {"kty": "OKP", "crv": "X25519", "kid": "other", "x": x},
        {"kty": "oct", "kid": "secret", "k": URL_SAFE_NO_PAD.encode(SECRET)},
    ]});
    KeySet::parse(set.to_string().as_bytes()).unwrap()
}

fn read_hs256(claims: &Value) -> Result<Grant, Refusal> {
    policy(&[Algorithm::Hs256]).verify(&KeySet::secret(SECRET), &hs256(claims))
}

#[test]
fn claims_become_a_grant() {
    let grant = read_hs256(&claims()).unwrap();
    assert_eq!(grant.channels, Scope::parse("news").unwrap());
    assert_eq!((grant.expires, grant.not_before), (1_800_000_000, None));
    assert_eq!(grant.name.as_deref(), Some("ann"));
    for (claim, value, expected) in [
        ("channels", json!("*"), Ok(())),
        ("channels", json!(["*"]), Ok(())),
        ("channels", json!("news sport"), Ok(())),
        ("channels", json!([]), Err(Refusal::Channel)),
        ("channels", json!(["news", 7]), Err(Refusal::Channel)),
        ("channels", json!(["news", "*"]), Err(Refusal::Channel)),
        ("channels", json!(null), Err(Refusal::Channel)),
        ("aud", json!("tv"), Ok(())),
        ("aud", json!("t"), Err(Refusal::Issuer)),
        ("aud", json!([]), Err(Refusal::Issuer)),
        (
            "iss",
            json!("https://id.example.evil"),
            Err(Refusal::Issuer),
        ),
        ("iss", json!(null), Err(Refusal::Issuer)),
        ("exp", json!(null), Err(Refusal::Malformed)),
        ("exp", json!("1800000000"), Err(Refusal::Malformed)),
        ("exp", json!(1.5), Ok(())),
        ("nbf", json!("now"), Err(Refusal::Malformed)),
        ("ip", json!("10.0.0.0/8"), Ok(())),
        ("ip", json!("all"), Err(Refusal::Malformed)),
        ("ip", json!(7), Err(Refusal::Malformed)),
    ] {
        let mut claims = claims();
        claims[claim] = value.clone();
        let verdict = read_hs256(&claims).map(|_| ());
        assert_eq!(verdict, expected, "{claim}: {value}");
    }
    let mut without = claims();
    without.as_object_mut().unwrap().remove("exp");
    assert_eq!(read_hs256(&without), Err(Refusal::Malformed));
}

#[test]
fn a_fraction_of_a_second_makes_nothing_longer() {
    let mut claims = claims();
    claims["exp"] = json!(10.9);
    claims["nbf"] = json!(5.1);
    let grant = read_hs256(&claims).unwrap();
    assert_eq!((grant.not_before, grant.expires), (Some(6), 10));
}

#[test]
fn public_keys_are_found_by_their_id() {
    let policy = policy(&[Algorithm::EdDsa, Algorithm::Es256]);
    let sign = |text: &[u8]| ed25519().sign(text).as_ref().to_vec();
    let token = |header: Value| with(&header, &claims(), sign);
    let named = token(json!({"alg": "EdDSA", "kid": "a"}));
    assert!(policy.verify(&public_set("a"), &named).is_ok());
    let unnamed = token(json!({"alg": "EdDSA"}));
    assert!(policy.verify(&public_set("a"), &unnamed).is_ok());
    let verdict = policy.verify(&public_set("b"), &named);
    assert_eq!(verdict, Err(Refusal::UnknownKey), "newer keys may know it");
    let verdict = policy.verify(&KeySet::default(), &named);
    assert_eq!(verdict, Err(Refusal::UnknownKey));
    let forged = with(&json!({"alg": "EdDSA", "kid": "a"}), &claims(), |_| {
        vec![0; 64]
    });
    assert_eq!(
        policy.verify(&public_set("a"), &forged),
        Err(Refusal::Signature)
    );
}

#[test]
fn an_elliptic_key_signs_too() {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random)
            .unwrap();
    let point = pair.public_key().as_ref();
    let (x, y) = (
        URL_SAFE_NO_PAD.encode(&point[1..33]),
        URL_SAFE_NO_PAD.encode(&point[33..]),
    );
    let set = json!({"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "x": x, "y": y}]});
    let set = KeySet::parse(set.to_string().as_bytes()).unwrap();
    let sign = |text: &[u8]| pair.sign(&random, text).unwrap().as_ref().to_vec();
    let token = with(&json!({"alg": "ES256", "kid": "any"}), &claims(), sign);
    assert!(policy(&[Algorithm::Es256]).verify(&set, &token).is_ok());
    // CVE-2022-21449: r and s of zero.
    let zeros = with(&json!({"alg": "ES256"}), &claims(), |_| vec![0; 64]);
    let verdict = policy(&[Algorithm::Es256]).verify(&set, &zeros);
    assert_eq!(verdict, Err(Refusal::Signature));
}

/// RFC 7515, appendix A.2: a key, a message and its signature.
#[test]
fn the_known_rsa_message_has_the_known_signature() {
    let n = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    let set = |alg: &str| {
        let jwk = json!({"kty": "RSA", "n": n, "e": "AQAB", "alg": alg});
        KeySet::parse(json!({"keys": [jwk]}).to_string().as_bytes())
    };
    let policy = JwtPolicy {
        issuer: Some("joe".into()),
        audience: None,
        channels_claim: "http://example.com/is_root".into(),
        ..policy(&[Algorithm::Rs256])
    };
    let keys = set("RS256").unwrap();
    // It is genuine; what it says there is no list of channels.
    assert_eq!(policy.verify(&keys, token), Err(Refusal::Channel));
    let broken = token.replacen("cC4h", "cC4i", 1);
    assert_eq!(policy.verify(&keys, &broken), Err(Refusal::Signature));
    assert!(set("RS512").is_err(), "a key for something else");
    // The public key as the secret of an HMAC: the classic confusion.
    let header = json!({"alg": "HS256"});
    let confused = with(&header, &claims(), hmac(n.as_bytes()));
    let both = self::policy(&[Algorithm::Rs256, Algorithm::Hs256]);
    assert_eq!(both.verify(&keys, &confused), Err(Refusal::UnknownKey));
    assert_eq!(policy.verify(&keys, &confused), Err(Refusal::Algorithm));
}

#[test]
fn no_other_algorithm_is_one() {
    let all = [
        Algorithm::Hs256,
        Algorithm::Rs256,
        Algorithm::Es256,
        Algorithm::EdDsa,
    ];
    let policy = policy(&all);
    let keys = KeySet::secret(SECRET).with(&public_set("a"));
    for alg in [
        "none", "None", "NONE", "nOnE", "", "hs256", "HS384", "HS512", "PS256", "Ed25519",
    ] {
        let header = json!({"alg": alg});
        for token in [
            with(&header, &claims(), hmac(SECRET)),
            with(&header, &claims(), |_| Vec::new()),
        ] {
            assert_eq!(
                policy.verify(&keys, &token),
                Err(Refusal::Algorithm),
                "{alg}"
            );
        }
    }
    let empty = with(&json!({"alg": "HS256"}), &claims(), |_| Vec::new());
    assert_eq!(policy.verify(&keys, &empty), Err(Refusal::Signature));
    for header in [
        json!({"alg": "HS256", "crit": ["exp"]}),
        json!({"alg": "HS256", "b64": false}),
    ] {
        let token = with(&header, &claims(), hmac(SECRET));
        assert_eq!(
            policy.verify(&keys, &token),
            Err(Refusal::Algorithm),
            "{header}"
        );
    }
    let brought =
        json!({"alg": "HS256", "jwk": {"kty": "oct", "k": "AAAA"}, "jku": "http://evil.example/"});
    let token = with(&brought, &claims(), hmac(&[0; 3]));
    assert_eq!(policy.verify(&keys, &token), Err(Refusal::Signature));
}

#[test]
fn sets_without_a_usable_key_are_refused() {
    let short = URL_SAFE_NO_PAD.encode([255; 128]);
    for wrong in [
        String::new(),
        "[]".into(),
        "{}".into(),
        json!({"keys": []}).to_string(),
        json!({"keys": [7, {"kty": "oct", "k": "AAAA"}]}).to_string(),
        json!({"keys": [{"kty": "RSA", "n": short, "e": "AQAB"}]}).to_string(),
        json!({"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}).to_string(),
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA"}]}).to_string(),
    ] {
        assert!(KeySet::parse(wrong.as_bytes()).is_err(), "{wrong}");
    }
    let shown = format!("{:?}", KeySet::secret(b"hunter2"));
    assert!(
        !shown.contains("hunter") && !shown.contains("104"),
        "{shown}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn no_changed_token_is_accepted(at: usize, with: u8, kind in 0..3_u8) {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
        let token = hs256(&claims());
        let mut bytes = token.clone().into_bytes();
        let (at, with) = (at % bytes.len(), ALPHABET[usize::from(with) % ALPHABET.len()]);
        match kind {
            0 => bytes[at] = with,
            1 => bytes.insert(at, with),
            _ => bytes.truncate(at),
        }
        let changed = String::from_utf8(bytes).unwrap();
        prop_assume!(changed != token);
        let verdict = policy(&[Algorithm::Hs256]).verify(&KeySet::secret(SECRET), &changed);
        prop_assert!(verdict.is_err(), "{}", changed);
    }

    #[test]
    fn any_text_is_answered(text in "\\PC*") {
        let _ = KeySet::parse(text.as_bytes());
        let verdict = policy(&[Algorithm::Hs256]).verify(&KeySet::secret(SECRET), &text);
        prop_assert!(verdict.is_err());
    }
}
