//! The egress policy: which hosts and addresses requests may go to. Pure; asked on paper before a request and again
//! with every resolved address where the connection is made.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

use super::error::{Error, Step};

/// The policy of one engine.
#[derive(Debug, Default)]
pub struct EgressPolicy {
    allow: Vec<Rule>,
    deny: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    target: Target,
    port: Option<u16>,
}

#[derive(Debug)]
enum Target {
    Host(String),
    Suffix(String),
    Net(IpNet),
}

const fn net4(a: u8, b: u8, c: u8, prefix: u8, what: &'static str) -> (Ipv4Net, &'static str) {
    (Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), prefix), what)
}

const fn net6(head: [u16; 6], prefix: u8, what: &'static str) -> (Ipv6Net, &'static str) {
    let [a, b, c, d, e, f] = head;
    (Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, 0, 0), prefix), what)
}

const REFUSED_V4: [(Ipv4Net, &str); 15] = [
    net4(0, 0, 0, 8, "an address of \"this network\""),
    net4(10, 0, 0, 8, "a private address"),
    net4(100, 64, 0, 10, "a carrier-grade NAT address"),
    net4(127, 0, 0, 8, "a loopback address"),
    net4(169, 254, 0, 16, "a link-local address"),
    net4(172, 16, 0, 12, "a private address"),
    net4(192, 0, 0, 24, "a protocol assignment address"),
    net4(192, 0, 2, 24, "a documentation address"),
    net4(192, 88, 99, 24, "a 6to4 relay address"),
    net4(192, 168, 0, 16, "a private address"),
    net4(198, 18, 0, 15, "a benchmark address"),
    net4(198, 51, 100, 24, "a documentation address"),
    net4(203, 0, 113, 24, "a documentation address"),
    net4(224, 0, 0, 4, "a multicast address"),
    net4(240, 0, 0, 4, "a reserved or broadcast address"),
];

/// Named for the message only: everything outside 2000::/3 is refused anyway.
const REFUSED_V6: [(Ipv6Net, &str); 13] = [
    net6([0, 0, 0, 0, 0, 0xffff], 96, "an IPv4-mapped address"),
    net6([0x64, 0xff9b, 0, 0, 0, 0], 96, "a NAT64 address"),
    net6([0x64, 0xff9b, 1, 0, 0, 0], 48, "a NAT64 address"),
    net6([0x100, 0, 0, 0, 0, 0], 64, "a discard address"),
    net6([0x2001, 0, 0, 0, 0, 0], 32, "a Teredo address"),
    net6([0x2001, 2, 0, 0, 0, 0], 48, "a benchmark address"),
    net6([0x2001, 0xdb8, 0, 0, 0, 0], 32, "a documentation address"),
    net6([0x2001, 0, 0, 0, 0, 0], 23, "a protocol assignment address"),
    net6([0x2002, 0, 0, 0, 0, 0], 16, "a 6to4 address"),
    net6([0x3fff, 0, 0, 0, 0, 0], 20, "a documentation address"),
    net6([0xfc00, 0, 0, 0, 0, 0], 7, "a unique local address"),
    net6([0xfe80, 0, 0, 0, 0, 0], 10, "a link-local address"),
    net6([0xff00, 0, 0, 0, 0, 0], 8, "a multicast address"),
];

const GLOBAL_V6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

impl EgressPolicy {
    /// Reads the rules; the error names the one that is not understood.
    pub fn new(allow: &[String], deny: &[String]) -> Result<EgressPolicy, Error> {
        let parse = |texts: &[String]| texts.iter().map(|text| parse_rule(text)).collect::<Result<Vec<_>, _>>();
        Ok(EgressPolicy {
            allow: parse(allow)?,
            deny: parse(deny)?,
        })
    }

    /// The check on paper: scheme, user information, denied hosts, literal addresses.
    pub fn check_url(&self, url: &Url) -> Result<(), Error> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused(format!(
                "only http and https are possible, not {}:",
                url.scheme()
            )));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused(
                "the URL must not hold a user name or password; use a client".to_owned(),
            ));
        }
        let port = url.port_or_known_default().unwrap_or(0);
        match url.host() {
            Some(Host::Ipv4(address)) => self.check_address(SocketAddr::new(address.into(), port), None),
            Some(Host::Ipv6(address)) => self.check_address(SocketAddr::new(address.into(), port), None),
            Some(Host::Domain(host)) => {
                let host = bare(host);
                if names_host(&self.deny, host, port) {
                    return Err(refused(format!("{host} is denied by the settings (egress.deny)")));
                }
                if is_localhost(host) && !self.allows_host(host, port) && !self.allows_loopback(port) {
                    return Err(refused(format!(
                        "{host} is this machine; allow it in the settings (egress.allow)"
                    )));
                }
                Ok(())
            }
            None => Err(refused("the URL has no host".to_owned())),
        }
    }

    /// The check of one address that a connection is about to be made to; `host` is the name that resolved to it.
    pub fn check_address(&self, address: SocketAddr, host: Option<&str>) -> Result<(), Error> {
        let (ip, port) = (address.ip(), address.port());
        let of = |host: &str| format!("{host} resolves to {ip}, which");
        let subject = host.map_or_else(|| ip.to_string(), of);
        let canonical = ip.to_canonical();
        if self
            .deny
            .iter()
            .any(|rule| rule.holds_ip(ip, port) || rule.holds_ip(canonical, port))
        {
            return Err(refused(format!("{subject} is denied by the settings (egress.deny)")));
        }
        let Some(what) = why_refused(ip) else { return Ok(()) };
        let allowed = self.allow.iter().any(|rule| rule.holds_ip(ip, port))
            || host.is_some_and(|host| self.allows_host(bare(host), port));
        if allowed {
            return Ok(());
        }
        Err(refused(format!(
            "{subject} is {what}; allow it in the settings (egress.allow) if requests may go there"
        )))
    }

    fn allows_host(&self, host: &str, port: u16) -> bool {
        names_host(&self.allow, host, port)
    }

    fn allows_loopback(&self, port: u16) -> bool {
        let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        self.allow
            .iter()
            .any(|rule| loopback.iter().any(|ip| rule.holds_ip(*ip, port)))
    }
}

impl Rule {
    fn holds_ip(&self, ip: IpAddr, port: u16) -> bool {
        match &self.target {
            Target::Net(net) => net.contains(&ip) && self.port.is_none_or(|own| own == port),
            Target::Host(_) | Target::Suffix(_) => false,
        }
    }

    fn holds_host(&self, host: &str, port: u16) -> bool {
        let named = match &self.target {
            Target::Host(own) => host.eq_ignore_ascii_case(own),
            Target::Suffix(suffix) => {
                let start = host.len().checked_sub(suffix.len());
                start
                    .and_then(|start| host.get(start..))
                    .is_some_and(|end| end.eq_ignore_ascii_case(suffix))
            }
            Target::Net(_) => false,
        };
        named && self.port.is_none_or(|own| own == port)
    }
}

/// Why an address is not a public one; `None` if it is.
pub fn why_refused(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(ip) => REFUSED_V4
            .iter()
            .find(|(net, _)| net.contains(&ip))
            .map(|(_, what)| *what),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => Some("a loopback address"),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Some("the unspecified address"),
        IpAddr::V6(ip) => REFUSED_V6
            .iter()
            .find(|(net, _)| net.contains(&ip))
            .map(|(_, what)| *what)
            .or_else(|| (!GLOBAL_V6.contains(&ip)).then_some("not a public address")),
    }
}

fn names_host(rules: &[Rule], host: &str, port: u16) -> bool {
    rules.iter().any(|rule| rule.holds_host(host, port))
}

/// A name may end in a dot; the rules are written without.
fn bare(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

fn is_localhost(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    last.eq_ignore_ascii_case("localhost")
}

fn refused(message: String) -> Error {
    Error::new(Step::Egress, message)
}

fn parse_rule(text: &str) -> Result<Rule, Error> {
    let unclear = || {
        let hint = "use host, *.domain, host:port, an address or a CIDR such as 10.1.0.0/16";
        Error::new(
            Step::Egress,
            format!("the egress rule {text:?} is not understood: {hint}"),
        )
    };
    let net = |net: IpNet, port| {
        Ok(Rule {
            target: Target::Net(net.trunc()),
            port,
        })
    };
    if let Ok(found) = text.parse::<IpNet>() {
        return net(found, None);
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        return net(ip.into(), None);
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return net(address.ip().into(), Some(address.port()));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse().map_err(|_| unclear())?)),
        None => (text, None),
    };
    let name = host.strip_prefix("*.").unwrap_or(host);
    match Host::parse(name).map_err(|_| unclear())? {
        Host::Domain(name) if host.starts_with("*.") => Ok(Rule {
            target: Target::Suffix(format!(".{name}")),
            port,
        }),
        Host::Domain(name) => Ok(Rule {
            target: Target::Host(bare(&name).to_owned()),
            port,
        }),
        Host::Ipv4(_) | Host::Ipv6(_) => Err(unclear()),
    }
}

#[cfg(test)]
#[path = "egress_tests.rs"]
mod tests;
