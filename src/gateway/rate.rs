//! How often a token may ask, and an address may try to sign in.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use actix_web::HttpRequest;

use crate::{
    engine::{Engine, caller::Caller},
    error::Result,
    settings::Net,
};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// Counts a request of a token (`gateway.rate_per_second`, `gateway.rate_burst`).
///
/// # Errors
/// `rate_limited`, with the time to wait.
pub(super) fn admit(engine: &Engine, caller: &Caller) -> Result<()> {
    match caller.token_id {
        Some(token_id) => engine.access().limits().admit_token(token_id),
        None => Ok(()),
    }
}

/// Counts a sign-in of the address that it comes from. What is said about that is believed only of `server.trusted_proxies`.
///
/// # Errors
/// `rate_limited`, with the time to wait.
pub(super) fn admit_sign_in(engine: &Engine, request: &HttpRequest) -> Result<()> {
    let Some(peer) = request.peer_addr() else {
        return Ok(());
    };
    // What is no text is no address, and nothing before it is believed.
    let lists = request.headers().get_all(FORWARDED_FOR);
    let hops: Vec<&str> = lists
        .flat_map(|list| list.to_str().unwrap_or_default().split(','))
        .collect();
    let from = sender(peer.ip(), &hops, &engine.settings().server.trusted_proxies);
    engine.access().limits().admit_sign_in(subscriber(from))
}

/// Who sent a request: each proxy adds the address that it was asked from at the end of the list, so the last one that is not a
/// proxy of ours is the one that one of ours has seen. What stands before it, anybody can write.
fn sender(peer: IpAddr, hops: &[&str], trusted: &[Net]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(address));
    let mut seen = peer;
    for hop in hops.iter().rev() {
        if !is_trusted(seen) {
            break;
        }
        let Some(address) = address(hop.trim()) else {
            break;
        };
        seen = address;
    }
    seen
}

/// Some proxies write the port, too.
fn address(hop: &str) -> Option<IpAddr> {
    let with_port = || hop.parse::<SocketAddr>().map(|address| address.ip());
    let in_brackets = || hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    hop.parse().or_else(|_| with_port()).ok().or_else(in_brackets)
}

/// With IPv6, one subscriber has a whole network of 64 bits (RFC 6177) and could come from another address each time.
fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_proxies_of_ours_are_believed() {
        let trusted = ["10.0.0.0/8", "fd00::1"].map(|net| Net::try_from(net.to_owned()).unwrap());
        for (peer, hops, expected) in [
            ("203.0.113.7", &["198.51.100.1"][..], "203.0.113.7"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["192.0.2.1", " 198.51.100.1 "], "198.51.100.1"),
            ("fd00::1", &["198.51.100.1:4711", "10.2.3.4"], "198.51.100.1"),
            ("fd00::1", &["[2001:db8::5]:80"], "2001:db8::5"),
            ("10.0.0.1", &["[2001:db8::5]"], "2001:db8::5"),
            ("10.0.0.1", &["198.51.100.1", "unknown"], "10.0.0.1"),
            ("10.0.0.1", &["10.0.0.9", "10.0.0.8"], "10.0.0.9"),
        ] {
            let seen = sender(peer.parse().unwrap(), hops, &trusted);
            assert_eq!(seen, expected.parse::<IpAddr>().unwrap(), "{peer} {hops:?}");
        }
    }

    #[test]
    fn a_network_of_ipv6_is_one_subscriber() {
        for (address, expected) in [
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("192.0.2.1", "192.0.2.1"),
        ] {
            let counted = subscriber(address.parse().unwrap());
            assert_eq!(counted, expected.parse::<IpAddr>().unwrap());
        }
    }
}
