//! Where a call comes from, also through proxies.

use std::net::IpAddr;

use tonic::metadata::MetadataMap;

use crate::domain::networks::Networks;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The peer's address; of a peer that is a trusted proxy, the one that it says it speaks for, and so on. What comes before a
/// proxy that nobody trusts could be anybody's words.
pub(super) fn client_address(peer: Option<IpAddr>, metadata: &MetadataMap, trusted: &Networks) -> Option<IpAddr> {
    let headers = metadata.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
    let said: Vec<_> = headers.flat_map(|header| header.split(',')).map(str::trim).collect();
    let mut client = peer?;
    for address in said.into_iter().rev() {
        if !trusted.contain(client) {
            break;
        }
        // Some write the port, too; who writes anything else is the last one who is known.
        let address = address.parse().or_else(|_| address.parse().map(|address: std::net::SocketAddr| address.ip()));
        let Ok(address) = address else { break };
        client = address;
    }
    Some(client.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, said: &[&str]) -> String {
        let trusted = Networks::try_from("10.0.0.0/8".to_owned()).unwrap();
        let mut metadata = MetadataMap::new();
        for value in said {
            metadata.append(FORWARDED_FOR, value.parse().unwrap());
        }
        client_address(peer.parse().ok(), &metadata, &trusted).unwrap().to_string()
    }

    #[test]
    fn proxies_that_are_trusted_are_believed_and_nobody_else() {
        assert_eq!(seen("192.0.2.1", &["198.51.100.7"]), "192.0.2.1", "a caller says anything");
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9, 198.51.100.7"]), "198.51.100.7", "what a caller had sent");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9", "198.51.100.7, 10.0.0.2"]), "198.51.100.7", "two proxies");
        assert_eq!(seen("10.0.0.1", &["198.51.100.7:4711"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &["2001:db8::7"]), "2001:db8::7");
        assert_eq!(seen("10.0.0.1", &["unknown"]), "10.0.0.1");
        assert_eq!(seen("::ffff:10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
    }
}
