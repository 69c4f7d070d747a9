//! Being found on a network: answers to searches of HDHomeRun's protocol and of UPnP, and announcements of the latter.
//!
//! Off unless the configuration names an address. Belongs here: sockets. What packets say is in `iptv`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use parking_lot::Mutex;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::iptv::hdhomerun::Device;
use crate::iptv::{discovery, ssdp};

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 255, 250);
const GROUP_PORT: u16 = 1900;

/// What is told to who searches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// The device's number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// How many streams it gives; 0 is told to nobody.
    pub tuners: usize,
    /// How clients call the gateway, if that is said.
    pub public_url: Option<String>,
    /// Where the gateway listens.
    pub listen: SocketAddr,
    /// Where to answer HDHomeRun's searches.
    pub discovery: Option<SocketAddr>,
    /// Where to answer UPnP's searches.
    pub ssdp: Option<SocketAddr>,
}

/// The tasks that answer.
#[derive(Debug, Default)]
pub struct Discovery {
    running: Mutex<Option<(Announced, CancellationToken)>>,
    tasks: TaskTracker,
}

/// One socket and what is said there.
#[derive(Debug)]
pub struct Responder {
    socket: UdpSocket,
    announced: Announced,
    protocol: Searches,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Searches {
    HdHomeRun,
    Upnp,
}

// === impl Discovery ===

impl Discovery {
    /// From now on this is told, and nothing else. Needs a runtime around it; never waits.
    pub fn apply(&self, announced: Announced) {
        let mut running = self.running.lock();
        if let Some((before, stop)) = &*running {
            if *before == announced {
                return;
            }
            stop.cancel();
        }
        let stop = CancellationToken::new();
        if announced.tuners > 0 {
            for protocol in [Searches::HdHomeRun, Searches::Upnp] {
                if announced.address(protocol).is_some() {
                    self.tasks
                        .spawn(answer(announced.clone(), protocol, stop.clone()));
                }
            }
        }
        *running = Some((announced, stop));
    }

    /// Says goodbye, and returns when all tasks are gone.
    pub async fn drain(&self) {
        if let Some((_, stop)) = &*self.running.lock() {
            stop.cancel();
        }
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn answer(announced: Announced, protocol: Searches, stop: CancellationToken) {
    let address = announced.address(protocol);
    let bound = match protocol {
        Searches::HdHomeRun => Responder::hdhomerun(announced),
        Searches::Upnp => Responder::ssdp(announced),
    };
    match bound {
        Ok(responder) => responder.run(&stop).await,
        Err(error) => warn!(?address, ?protocol, "searches are not answered: {error}"),
    }
}

// === impl Announced ===

impl Announced {
    fn address(&self, protocol: Searches) -> Option<SocketAddr> {
        match protocol {
            Searches::HdHomeRun => self.discovery,
            Searches::Upnp => self.ssdp,
        }
    }

    fn device<'a>(&'a self, base: &'a str) -> Device<'a> {
        Device {
            id: self.id,
            name: &self.name,
            tuners: self.tuners,
            base,
        }
    }

    /// How somebody at this address calls the gateway.
    fn base_for(&self, peer: IpAddr) -> String {
        if let Some(url) = &self.public_url {
            return url.clone();
        }
        let mut listen = self.listen;
        if listen.ip().is_unspecified()
            && let Some(own) = own_address_towards(peer)
        {
            listen.set_ip(own);
        }
        format!("http://{listen}")
    }
}

/// The address of this machine on the way to another: nothing is sent to find out.
fn own_address_towards(peer: IpAddr) -> Option<IpAddr> {
    let any: SocketAddr = match peer {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        IpAddr::V6(_) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = std::net::UdpSocket::bind(any).ok()?;
    socket.connect((peer, 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

// === impl Responder ===

impl Responder {
    /// Binds the address for HDHomeRun's searches. Needs a runtime around it.
    ///
    /// # Errors
    /// What the system says.
    pub fn hdhomerun(announced: Announced) -> io::Result<Self> {
        Self::bind(announced, Searches::HdHomeRun)
    }

    /// Binds the address for UPnP's searches and joins their group. Needs a runtime around it.
    ///
    /// # Errors
    /// What the system says.
    pub fn ssdp(announced: Announced) -> io::Result<Self> {
        let responder = Self::bind(announced, Searches::Upnp)?;
        if let Err(error) = responder
            .socket
            .join_multicast_v4(GROUP, responder.interface())
        {
            warn!("only searches that name this machine are answered: {error}");
        }
        Ok(responder)
    }

    fn bind(announced: Announced, protocol: Searches) -> io::Result<Self> {
        let address = announced
            .address(protocol)
            .ok_or_else(|| io::Error::other("no address is configured"))?;
        let socket = Socket::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        // Other programs of this machine want to be found there, too.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        Ok(Self {
            socket: UdpSocket::from_std(socket.into())?,
            announced,
            protocol,
        })
    }

    /// Where it is bound.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Answers until the token is cancelled.
    pub async fn run(self, stop: &CancellationToken) {
        info!(address = ?self.local_addr().ok(), protocol = ?self.protocol, "searches are answered");
        match self.protocol {
            Searches::HdHomeRun => {
                stop.run_until_cancelled(self.answer_all()).await;
            }
            Searches::Upnp => {
                let both = async { tokio::join!(self.answer_all(), self.announce_all()) };
                stop.run_until_cancelled(both).await;
                self.announce(false).await;
            }
        }
    }

    async fn answer_all(&self) {
        let mut buffer = [0; discovery::MAX_PACKET];
        loop {
            match self.socket.recv_from(&mut buffer).await {
                Ok((length, peer)) => self.answer(&buffer[..length], peer).await,
                Err(error) => {
                    // Of a client that is gone, mostly.
                    debug!("a search was not received: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    async fn answer(&self, packet: &[u8], peer: SocketAddr) {
        let base = self.announced.base_for(peer.ip());
        let device = self.announced.device(&base);
        let replies: Vec<Vec<u8>> = match self.protocol {
            Searches::HdHomeRun => discovery::reply(packet, &device).into_iter().collect(),
            Searches::Upnp => match ssdp::search(packet, &device) {
                Some(search) => {
                    let answers = search.answers(&device);
                    answers.into_iter().map(String::into_bytes).collect()
                }
                None => Vec::new(),
            },
        };
        for reply in replies {
            if let Err(error) = self.socket.send_to(&reply, peer).await {
                debug!(%peer, "a search was not answered: {error}");
            }
        }
    }

    async fn announce_all(&self) {
        let half_life = Duration::from_secs(ssdp::MAX_AGE / 2);
        loop {
            self.announce(true).await;
            tokio::time::sleep(half_life).await;
        }
    }

    /// Tells the group; from a loopback address there is nobody to tell.
    async fn announce(&self, is_alive: bool) {
        if self.interface().is_loopback() {
            return;
        }
        let base = self.announced.base_for(GROUP.into());
        for text in ssdp::announcements(&self.announced.device(&base), is_alive) {
            let sent = self
                .socket
                .send_to(text.as_bytes(), (GROUP, GROUP_PORT))
                .await;
            if let Err(error) = sent {
                debug!("the group was not told: {error}");
            }
        }
    }

    fn interface(&self) -> Ipv4Addr {
        match self.announced.address(self.protocol) {
            Some(SocketAddr::V4(address)) => *address.ip(),
            _ => Ipv4Addr::UNSPECIFIED,
        }
    }
}
