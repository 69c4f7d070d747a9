//! The listeners: bound before anything runs, and who is served at each.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tracing::info;

use super::{AppError, certificate, operators};
use crate::config::{Config, OperatorsAt, TlsSpec};
use crate::http::Entrance;
use crate::tls::{Acceptor, Certificates};

/// All listeners of a gateway.
#[derive(Debug)]
pub(super) struct Listeners {
    plain: TcpListener,
    pub(super) address: SocketAddr,
    pub(super) secure: Option<Secure>,
    /// The one of operators, where they have one.
    own: Option<(TcpListener, SocketAddr)>,
}

/// The way in over TLS.
#[derive(Debug)]
pub(super) struct Secure {
    spec: TlsSpec,
    listener: TcpListener,
    pub(super) address: SocketAddr,
    pub(super) certificates: Arc<Certificates>,
}

// === impl Listeners ===

impl Listeners {
    /// Binds them all, or none.
    pub(super) async fn bind(config: &Config) -> Result<Self, AppError> {
        let (plain, address) = bind(config.server.listen).await?;
        let secure = match &config.server.tls {
            Some(spec) => Some(Secure::bind(spec).await?),
            None => None,
        };
        let own = match config.operators.at(&config.server) {
            OperatorsAt::Own => {
                let address = config.operators.address(&config.server);
                let own = bind_one(address).await;
                Some(own.map_err(|error| AppError::Operators { address, error })?)
            }
            _ => None,
        };
        Ok(Self {
            plain,
            address,
            secure,
            own,
        })
    }

    /// Where operators have a listener of their own.
    pub(super) fn operators(&self) -> Option<SocketAddr> {
        self.own.as_ref().map(|(_, address)| *address)
    }

    /// The ways in, and what keeps the certificate new.
    pub(super) fn open(self, config: &Config) -> (Vec<Entrance>, impl Future<Output = ()> + use<>) {
        let at = config.operators.at(&config.server);
        operators::announce(config, self.operators());
        let for_them = |entrance: Entrance, here: OperatorsAt| match at {
            OperatorsAt::Everywhere => entrance,
            _ if at == here => entrance,
            _ => entrance.for_viewers(),
        };
        let mut entrances = Vec::new();
        let redirect = self.secure.as_ref().filter(|secure| secure.spec.redirect);
        let plain = match redirect {
            Some(secure) => Entrance::redirect(self.plain, secure.address.port()),
            None => Entrance::plain(self.plain),
        };
        entrances.push(for_them(plain, OperatorsAt::Plain));
        let certificates = self
            .secure
            .as_ref()
            .map(|secure| secure.certificates.clone());
        if let Some((listener, _)) = self.own {
            entrances.push(match certificates.filter(|_| config.operators.tls) {
                Some(certificates) => Entrance::tls(listener, Acceptor::new(certificates)),
                None => Entrance::plain(listener),
            });
        }
        let mut kept = None;
        if let Some(secure) = self.secure {
            info!(address = %secure.address, "listening for TLS");
            let acceptor = Acceptor::new(secure.certificates.clone());
            let tls = Entrance::tls(secure.listener, acceptor);
            entrances.push(for_them(tls, OperatorsAt::Tls));
            kept = Some((secure.spec, secure.certificates));
        }
        let renewal = async move {
            if let Some((spec, certificates)) = kept {
                certificate::keep(&spec, certificates).await;
            }
        };
        (entrances, renewal)
    }
}

// === impl Secure ===

impl Secure {
    async fn bind(spec: &TlsSpec) -> Result<Self, AppError> {
        let certificates = certificate::load(spec).await?;
        let (listener, address) = bind(spec.listen).await?;
        Ok(Self {
            spec: spec.clone(),
            listener,
            address,
            certificates,
        })
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), AppError> {
    let listen = |error| AppError::Listen { address, error };
    bind_one(address).await.map_err(listen)
}

async fn bind_one(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
