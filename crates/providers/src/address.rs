//! Which addresses Keyway may connect to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// The guard on outgoing connections: public addresses, and those that the operator allows.
///
/// It is asked for the addresses that a name resolved to, at the moment of connecting, so a name
/// that changes its answer gains nothing.
#[derive(Debug, Clone, Default)]
pub struct AddressGuard {
    allowed: Vec<AllowedAddress>,
}

/// An address or network that the operator exempts, perhaps for one port only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllowedAddress {
    network: IpNet,
    port: Option<u16>,
}

/// Not an address to exempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address: write 10.0.0.5, 10.0.0.0/8, 127.0.0.1:9000 or [::1]:9000")]
pub struct InvalidAddress(String);

impl std::str::FromStr for AllowedAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(socket) = text.parse::<std::net::SocketAddr>() {
            return Ok(Self {
                network: socket.ip().into(),
                port: Some(socket.port()),
            });
        }
        let address = text.parse::<IpAddr>().map(IpNet::from);
        let network = address.or_else(|_| text.parse::<IpNet>());
        network
            .map(|network| Self {
                network,
                port: None,
            })
            .map_err(|_| InvalidAddress(text.to_owned()))
    }
}

impl AddressGuard {
    /// A guard with these exemptions.
    pub fn new(allowed: Vec<AllowedAddress>) -> Self {
        Self { allowed }
    }

    /// Whether a connection to an address that a URL named itself may be made.
    pub fn admits_literal(&self, address: IpAddr, port: u16) -> bool {
        is_public(address)
            || self.allowed.iter().any(|entry| {
                entry.network.contains(&address) && entry.port.is_none_or(|allowed| allowed == port)
            })
    }

    /// Whether a connection to an address that a name resolved to may be made. The port is not
    /// known there, so exemptions for one port do not count.
    pub fn admits_resolved(&self, address: IpAddr) -> bool {
        is_public(address)
            || self
                .allowed
                .iter()
                .any(|entry| entry.port.is_none() && entry.network.contains(&address))
    }
}

/// Whether an address is on the public internet, by the special-purpose registries of IANA
/// (RFC 6890 and what followed).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19)))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Only global unicast, 2000::/3, and of it neither the IETF's block 2001::/23 (Teredo among
    // it), nor documentation, nor 6to4, which carries an IPv4 address of anyone's choice.
    // Mapped, compatible and NAT64 addresses lie outside 2000::/3.
    first & 0xe000 == 0x2000
        && !(first == 0x2001 && second < 0x0200)
        && !(first == 0x2001 && second == 0x0db8)
        && first != 0x2002
        && first != 0x3fff
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(guard: &AddressGuard, address: &str) -> bool {
        guard.admits_resolved(address.parse().expect("address"))
    }

    #[test]
    fn only_public_addresses_pass() {
        let guard = AddressGuard::default();
        for public in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "2a00::1",
        ] {
            assert!(admits(&guard, public), "{public}");
        }
        for special in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.1",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:1.1.1.1",
            "64:ff9b::a00:1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:a00:1::",
        ] {
            assert!(!admits(&guard, special), "{special}");
        }
    }

    #[test]
    fn exemptions_are_as_narrow_as_they_were_written() {
        let allowed =
            ["10.0.0.0/8", "127.0.0.1:9000", "::1"].map(|text| text.parse().expect("address"));
        let guard = AddressGuard::new(allowed.to_vec());
        assert!(admits(&guard, "10.1.2.3") && admits(&guard, "::1"));
        assert!(!admits(&guard, "127.0.0.1") && !admits(&guard, "192.168.0.1"));
        let loopback = "127.0.0.1".parse().expect("address");
        assert!(guard.admits_literal(loopback, 9000));
        assert!(!guard.admits_literal(loopback, 9001));
        for bad in ["localhost", "10.0.0.0/33", ""] {
            assert!(bad.parse::<AllowedAddress>().is_err(), "{bad}");
        }
    }
}
