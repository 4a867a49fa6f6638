//! Whose address a request comes from.

use std::net::{IpAddr, Ipv6Addr};

use actix_web::HttpRequest;
use ipnet::IpNet;

/// The client's address: the peer's, or what the operator's own proxies say of it.
///
/// `X-Forwarded-For` is read from its end, and only as long as the speaker is a trusted proxy:
/// what stands further left was written by the client.
pub fn client_ip(request: &HttpRequest, trusted: &[IpNet]) -> Option<IpAddr> {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let peer = request.peer_addr()?.ip();
    if !is_trusted(&peer) {
        return Some(peer);
    }
    let values = request
        .headers()
        .get_all("x-forwarded-for")
        .filter_map(|value| value.to_str().ok());
    let mut forwarded: Vec<&str> = values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let mut speaker = peer;
    while is_trusted(&speaker) {
        match forwarded.pop().and_then(|text| text.parse().ok()) {
            Some(address) => speaker = address,
            None => break,
        }
    }
    Some(speaker)
}

/// The address that a limit counts: of IPv6 the network of 64 bits, since whoever has one address
/// of it has them all.
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => mapped.into(),
            None => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn seen(peer: &str, forwarded: &str) -> String {
        let request = TestRequest::default()
            .peer_addr(format!("{peer}:1").parse().expect("address"))
            .insert_header(("x-forwarded-for", forwarded))
            .to_http_request();
        let trusted = ["10.0.0.0/8".parse().expect("network")];
        client_ip(&request, &trusted).expect("peer").to_string()
    }

    #[test]
    fn only_trusted_speakers_are_believed() {
        assert_eq!(seen("192.0.2.1", "1.1.1.1"), "192.0.2.1");
        assert_eq!(seen("10.0.0.1", "1.1.1.1"), "1.1.1.1");
        assert_eq!(seen("10.0.0.1", "9.9.9.9, 1.1.1.1, 10.0.0.2"), "1.1.1.1");
        assert_eq!(seen("10.0.0.1", "garbage"), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", ""), "10.0.0.1");
    }

    #[test]
    fn limits_count_networks_of_ipv6() {
        for (address, counted) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ] {
            let address = address.parse().expect("address");
            assert_eq!(network(address).to_string(), counted);
        }
    }
}
