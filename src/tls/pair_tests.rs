//! Files that are no pair, each with the words for it.

use std::fs;

use super::*;

struct Made {
    folder: tempfile::TempDir,
}

/// A folder with two pairs, `a` and `b`.
fn made() -> Made {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        let certified =
            rcgen::generate_simple_self_signed(vec![format!("{name}.example")]).unwrap();
        let at = |end: &str| folder.path().join(format!("{name}.{end}"));
        fs::write(at("crt"), certified.cert.pem()).unwrap();
        fs::write(at("key"), certified.signing_key.serialize_pem()).unwrap();
    }
    Made { folder }
}

impl Made {
    fn load(&self, cert: &str, key: &str) -> Result<Pair, PairError> {
        let folder = self.folder.path();
        Pair::load(&folder.join(cert), &folder.join(key))
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }
}

#[test]
fn a_pair_is_a_pair() {
    let made = made();
    let (a, b) = (
        made.load("a.crt", "a.key").unwrap(),
        made.load("b.crt", "b.key").unwrap(),
    );
    assert!(a.is_same(&a) && !a.is_same(&b));
    assert!(a.validity.not_before < a.validity.not_after);
}

#[test]
fn what_is_wrong_is_said_with_its_file() {
    let made = made();
    made.write("empty", "");
    made.write("text", "hello");
    made.write(
        "locked",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    made.write(
        "broken.crt",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    made.write("cut.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    for (cert, key, words) in [
        ("gone.crt", "a.key", "gone.crt cannot be read: No such file"),
        ("a.crt", "gone.key", "gone.key cannot be read"),
        ("a.crt", "b.key", "b.key is not that of the certificate"),
        (
            "a.key",
            "a.key",
            "a.key holds no certificate: it is a private key",
        ),
        (
            "a.crt",
            "a.crt",
            "a.crt holds no private key: it is a certificate",
        ),
        ("empty", "a.key", "empty holds no certificate: it is empty"),
        ("text", "a.key", "text holds no certificate: it is not PEM"),
        (
            "a.crt",
            "locked",
            "locked holds no private key: it is a key behind a password",
        ),
        (
            "broken.crt",
            "a.key",
            "broken.crt holds no certificate: BadEncoding",
        ),
        ("cut.crt", "a.key", "cut.crt holds no certificate: "),
    ] {
        let error = made.load(cert, key).unwrap_err().to_string();
        assert!(error.contains(words), "{cert} {key}: {error}");
    }
}

#[test]
fn dates_are_judged_by_the_clock() {
    let made = made();
    let pair = made.load("a.crt", "a.key").unwrap();
    let at = |time: Timestamp| pair.check_dates(Path::new("a.crt"), time);
    let hour = jiff::SignedDuration::from_hours(1);
    assert!(at(pair.validity.not_before + hour).is_ok());
    let late = at(pair.validity.not_after + hour).unwrap_err();
    assert!(late.to_string().contains("has expired"), "{late}");
    let early = at(pair.validity.not_before - hour).unwrap_err();
    assert!(early.to_string().contains("valid only from"), "{early}");
}
