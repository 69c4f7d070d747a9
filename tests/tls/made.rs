//! Pairs that a test makes, and gateways that speak TLS with them.

use std::path::Path;

use rustls_pki_types::CertificateDer;

use crate::gateway::{Gateway, channel, folder_with_fake, replace};

/// A certificate and its key, PEM.
pub(crate) struct Made {
    pub(crate) cert: String,
    pub(crate) key: String,
    pub(crate) der: CertificateDer<'static>,
}

/// For the names that tests call.
pub(crate) fn pair() -> Made {
    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    Made {
        cert: made.cert.pem(),
        key: made.signing_key.serialize_pem(),
        der: made.cert.der().clone(),
    }
}

impl Made {
    /// In the place of another one.
    pub(crate) fn write(&self, folder: &Path) {
        replace(&folder.join("key.pem"), &self.key);
        replace(&folder.join("cert.pem"), &self.cert);
    }
}

/// A gateway with one channel and this pair; `more` stands in `[server.tls]`.
pub(crate) async fn gateway(pair: &Made, more: &str) -> Gateway {
    let folder = folder_with_fake();
    pair.write(folder.path());
    let path = folder.path().join("channels.toml");
    let tls = "[server]\ncage = \"off\"\n[server.tls]\nlisten = \"127.0.0.1:0\"\ncert = \"cert.pem\"\nkey = \"key.pem\"";
    let text = format!("{tls}\n{more}\n{}", channel("a", ""));
    std::fs::write(&path, text).unwrap();
    Gateway::start_in(folder, path).await
}
