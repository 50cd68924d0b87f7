//! An address or a range of addresses, as a setting names them.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;

/// `10.1.2.3`, `10.1.0.0/16`, `fd00::/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Net(IpNet);

impl Net {
    /// Whether this address is one of them. An IPv4 address counts as one in any notation.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl TryFrom<String> for Net {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let net = text.trim();
        net.parse::<IpAddr>()
            .map(|address| IpNet::from(address.to_canonical()))
            .or_else(|_| net.parse())
            .map(Self)
            .map_err(|_| format!("\"{text}\" is no address; write one such as 10.1.2.3, or a CIDR such as 10.1.0.0/16"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_ranges_are_taken() {
        for (net, address, expected) in [
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("10.1.0.0/16", "::ffff:10.1.9.9", true),
            ("::ffff:10.1.2.3", "10.1.2.3", true),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "10.1.2.3", false),
        ] {
            let net = Net::try_from(net.to_owned()).unwrap();
            assert_eq!(net.contains(address.parse().unwrap()), expected, "{net:?} {address}");
        }
        for wrong in ["", "proxy.example", "10.1.0.0/33", "10.1"] {
            assert!(Net::try_from(wrong.to_owned()).unwrap_err().contains("no address"));
        }
    }
}
