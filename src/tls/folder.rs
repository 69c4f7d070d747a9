//! What is kept of orders: the account, and the certificate with its key. Only the gateway's user may read it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use instant_acme::AccountCredentials;
use serde::{Deserialize, Serialize};

use super::pair::Pair;

/// The folder of `[server.acme]`.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

/// An account and where it is one.
#[derive(Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) directory: String,
    pub(super) credentials: AccountCredentials,
}

/// What a certificate was ordered for.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ordered {
    pub(super) directory: String,
    pub(super) domains: Vec<String>,
}

const ACCOUNT: &str = "account.json";
const ORDERED: &str = "certificate.json";
const CERT: &str = "fullchain.pem";
const KEY: &str = "privkey.pem";

// === impl Folder ===

impl Folder {
    /// Makes the folder if it is not there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)?;
        Ok(Self(path.to_owned()))
    }

    /// The account that was made at this directory.
    pub(super) fn account(&self, directory: &str) -> Option<AccountCredentials> {
        let text = fs::read(self.0.join(ACCOUNT)).ok()?;
        let account: Account = serde_json::from_slice(&text).ok()?;
        (account.directory == directory).then_some(account.credentials)
    }

    pub(super) fn keep_account(&self, account: &Account) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(account)?;
        self.write(ACCOUNT, &text)
    }

    /// The certificate that was ordered for the same, if it is whole.
    pub(super) fn pair(&self, ordered: &Ordered) -> Option<Pair> {
        let text = fs::read(self.0.join(ORDERED)).ok()?;
        let kept: Ordered = serde_json::from_slice(&text).ok()?;
        let pair = Pair::load(&self.0.join(CERT), &self.0.join(KEY)).ok()?;
        (kept == *ordered).then_some(pair)
    }

    /// What stands for it is written last: files that are half new belong to no order, or are no pair.
    pub(super) fn keep_pair(&self, ordered: &Ordered, cert: &str, key: &str) -> io::Result<()> {
        self.write(KEY, key.as_bytes())?;
        self.write(CERT, cert.as_bytes())?;
        self.write(ORDERED, &serde_json::to_vec_pretty(ordered)?)
    }

    /// The whole new file or the whole old one, also after a power cut.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let new = self.0.join(format!(".{name}.new"));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(new, self.0.join(name))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn ordered(domain: &str) -> Ordered {
        Ordered {
            directory: "https://acme.example/".to_owned(),
            domains: vec![domain.to_owned()],
        }
    }

    #[test]
    fn a_certificate_comes_back_for_the_same_names_only() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(&place.path().join("a/b")).unwrap();
        assert!(folder.pair(&ordered("a.example")).is_none());
        let made = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap();
        let key = made.signing_key.serialize_pem();
        folder
            .keep_pair(&ordered("a.example"), &made.cert.pem(), &key)
            .unwrap();
        assert!(folder.pair(&ordered("a.example")).is_some());
        assert!(folder.pair(&ordered("b.example")).is_none());
        let mode = fs::metadata(place.path().join("a/b/privkey.pem")).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
        fs::write(place.path().join("a/b/privkey.pem"), "").unwrap();
        assert!(folder.pair(&ordered("a.example")).is_none());
    }

    #[test]
    fn what_is_no_account_is_none() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path()).unwrap();
        assert!(folder.account("https://acme.example/").is_none());
        fs::write(place.path().join(ACCOUNT), "{}").unwrap();
        assert!(folder.account("https://acme.example/").is_none());
    }
}
