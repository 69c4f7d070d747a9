//! Tokens of the gateway: what is made is read, and nothing else is accepted.

use proptest::prelude::*;

use super::*;

/// Tokens that are changed somewhere; none of them may be accepted.
const MUTATIONS: u32 = 10_000;

fn keyring() -> Keyring {
    Keyring::new(vec![
        SigningKey::new("new", [7; 32]),
        SigningKey::new("old", [8; 32]),
    ])
}

fn example() -> Grant {
    Grant {
        channels: Scope::parse("news,sport").unwrap(),
        not_before: Some(1_700_000_000),
        expires: 1_800_000_000,
        network: "10.0.0.0/8".parse().ok(),
        name: Some("ann".into()),
    }
}

/// With any claims, under a signature that is right.
fn signed(key: &SigningKey, claims: &str) -> String {
    let text = format!("hg1.{}.{}", key.id(), URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.mac(&text).finalize().into_bytes());
    format!("{text}.{signature}")
}

#[test]
fn a_token_is_the_same_for_ever_and_fits_into_urls() {
    let token = keyring().first().unwrap().sign(&example());
    assert_eq!(keyring().verify(&token), Ok(example()));
    assert!(
        token
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    );
    // Made by hand with `openssl dgst -sha256 -mac HMAC`, as the documentation shows it.
    let by_hand = "hg1.1.eyJjaCI6Im5ld3MiLCJleHAiOjE4MDAwMDAwMDB9.cNWfEdfoMKGAQsDph3D4NSnVX5pqd9uR1xUKyCpaXww";
    let key = SigningKey::new("1", *b"0123456789abcdef0123456789abcdef");
    let grant = Grant {
        channels: Scope::parse("news").unwrap(),
        not_before: None,
        expires: 1_800_000_000,
        network: None,
        name: None,
    };
    assert_eq!(key.sign(&grant), by_hand);
}

#[test]
fn both_keys_count_while_they_are_there_and_no_other_does() {
    let ring = keyring();
    let old = ring.key("old").unwrap().sign(&example());
    assert_eq!(ring.verify(&old), Ok(example()));
    let rotated = Keyring::new(vec![ring.first().unwrap().clone()]);
    assert_eq!(rotated.verify(&old), Err(Refusal::UnknownKey));
    let impostor = SigningKey::new("new", [9; 32]).sign(&example());
    assert_eq!(ring.verify(&impostor), Err(Refusal::Signature));
    let renamed = old.replacen("hg1.old.", "hg1.new.", 1);
    assert_eq!(ring.verify(&renamed), Err(Refusal::Signature));
    assert_eq!(Keyring::default().verify(&old), Err(Refusal::UnknownKey));
}

#[test]
fn what_is_no_token_is_refused_in_words() {
    let ring = keyring();
    let token = ring.first().unwrap().sign(&example());
    for wrong in [
        "", ".", "...", "hg1", "hg1.", "hg1.new", "hg1.new.", "hg1..x.y",
    ] {
        assert!(ring.verify(wrong).is_err(), "{wrong:?}");
    }
    for other in [
        token.replacen("hg1", "hg2", 1),
        format!(" {token}"),
        format!("{token}\n"),
        "x".repeat(MAX_LENGTH + 1),
    ] {
        assert_eq!(ring.verify(&other), Err(Refusal::Malformed), "{other:?}");
    }
}

#[test]
fn claims_under_a_right_signature_are_still_looked_at() {
    let ring = keyring();
    let key = ring.first().unwrap();
    let good = r#"{"ch":"a","exp":1}"#;
    assert!(ring.verify(&signed(key, good)).is_ok());
    for wrong in [
        "",
        "{}",
        "[]",
        r#"{"ch":"a"}"#,
        r#"{"exp":1}"#,
        r#"{"ch":"","exp":1}"#,
        r#"{"ch":"a/b","exp":1}"#,
        r#"{"ch":"a","exp":"1"}"#,
        r#"{"ch":"a","exp":1e99}"#,
        r#"{"ch":"a","exp":1,"exp":2}"#,
        r#"{"ch":"a","exp":1,"ip":""}"#,
        r#"{"ch":"a","exp":1,"ip":"everywhere"}"#,
        r#"{"ch":"a","exp":1,"admin":true}"#,
        r#"{"ch":"a","exp":1} {}"#,
    ] {
        let verdict = ring.verify(&signed(key, wrong));
        assert_eq!(verdict, Err(Refusal::Malformed), "{wrong}");
    }
}

#[test]
fn secrets_are_not_shown() {
    let shown = format!(
        "{:?}",
        Keyring::new(vec![SigningKey::new("k", *b"hunter2")])
    );
    assert!(
        !shown.contains("hunter") && !shown.contains("104"),
        "{shown}"
    );
}

#[test]
fn every_single_bit_and_every_end_counts() {
    let ring = keyring();
    let token = ring.first().unwrap().sign(&example());
    for bit in 0..token.len() * 8 {
        let mut bytes = token.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let changed = String::from_utf8_lossy(&bytes);
        assert!(ring.verify(&changed).is_err(), "{changed}");
    }
    for end in 0..token.len() {
        assert!(ring.verify(&token[..end]).is_err(), "{end}");
        assert!(ring.verify(&token[end + 1..]).is_err(), "{end}");
    }
}

/// One change of a token: another character, one more, one less, two swapped, or a piece of another token.
fn mutate(token: &str, other: &str, (kind, at, with): (u8, usize, u8)) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=";
    let mut bytes = token.as_bytes().to_vec();
    let (at, with) = (
        at % bytes.len(),
        ALPHABET[usize::from(with) % ALPHABET.len()],
    );
    match kind % 5 {
        0 => bytes[at] = with,
        1 => bytes.insert(at, with),
        2 => drop(bytes.remove(at)),
        3 => bytes.swap(at, usize::from(with) % token.len()),
        _ => bytes
            .splice(at.., other.as_bytes().iter().copied().skip(at))
            .for_each(drop),
    }
    String::from_utf8(bytes).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(MUTATIONS))]

    #[test]
    fn no_changed_token_is_accepted(
        changes in prop::collection::vec((any::<u8>(), any::<usize>(), any::<u8>()), 1..4),
        key in 0..2_usize,
    ) {
        let ring = keyring();
        let (own, other) = (&ring.0[key], &ring.0[1 - key]);
        let token = own.sign(&example());
        let all = Grant { channels: Scope::All, expires: i64::MAX, ..example() };
        let other = other.sign(&all);
        let changed = changes.into_iter().fold(token.clone(), |token, change| match token.is_empty() {
            true => token,
            false => mutate(&token, &other, change),
        });
        // What two changes have undone is no other token.
        prop_assume!(changed != token && changed != other);
        prop_assert!(ring.verify(&changed).is_err(), "{}", changed);
    }

    #[test]
    fn what_is_made_is_read(
        expires: i64, not_before: Option<i64>, all: bool, bits in 0..=32_u8, name in "\\PC{0,20}",
    ) {
        let network = format!("0.0.0.0/{bits}").parse().ok();
        let channels = Scope::parse(if all { "*" } else { "a-b,c_d" }).unwrap();
        let grant = Grant { channels, not_before, expires, network, name: Some(name) };
        let ring = keyring();
        prop_assert_eq!(ring.verify(&ring.0[1].sign(&grant)), Ok(grant));
    }

    #[test]
    fn any_text_is_answered(text in "\\PC*") {
        prop_assert!(keyring().verify(&text).is_err());
    }
}
