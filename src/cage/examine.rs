//! Whether the cage holds, asked from inside: what the kernel promised is tried.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;

use super::access::Network;
use super::order::Order;
use super::report::{Layer, Missing};

/// Tries doors of this process, which has entered the cage of `order`, and adds those that are open to what was known to
/// be missing.
pub fn examine(order: &Order, mut missing: Vec<Missing>) -> Vec<Missing> {
    for (layer, what, is_open) in doors(order.access.network) {
        let known = missing.iter().any(|missing| missing.layer == layer);
        if is_open && !known {
            let why = format!("the kernel accepted the cage, and yet {what}");
            missing.push(Missing::new(layer, why));
        }
    }
    missing
}

fn doors(network: Network) -> Vec<(Layer, &'static str, bool)> {
    let mut doors = vec![
        (
            Layer::Files,
            "folders can be listed",
            opens(fs::read_dir("/")),
        ),
        (
            Layer::Files,
            "the memory of processes can be opened",
            opens(File::open("/proc/self/mem")),
        ),
        (
            Layer::Calls,
            "sockets of this machine can be made",
            opens(UnixDatagram::unbound()),
        ),
    ];
    if matches!(network, Network::Nothing | Network::Proxy(_)) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
        doors.push((Layer::Calls, "UDP can be sent", opens(socket)));
    }
    if let Network::Proxy(port) = network {
        // Nobody needs to listen there: a shut door and nobody behind it sound different.
        let other = if port == 9 { 10 } else { 9 };
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, other));
        doors.push((Layer::Ports, "TCP goes to any port", opens(stream)));
    }
    doors
}

/// A door that is shut says so; anything else got further.
fn opens<T>(attempt: io::Result<T>) -> bool {
    match attempt {
        Ok(_) => true,
        Err(error) => {
            !matches!(
                error.kind(),
                ErrorKind::PermissionDenied | ErrorKind::Unsupported
            ) && error.raw_os_error().is_some()
        }
    }
}
