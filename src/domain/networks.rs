//! A list of networks.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Addresses and networks, separated by commas: `10.0.0.0/8, fd00::/8, 192.0.2.7`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Whether an address is in one of them.
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address.to_canonical()))
    }
}

impl TryFrom<String> for Networks {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let network = |part: &str| {
            let parsed = part.parse::<IpNet>().or_else(|_| part.parse::<IpAddr>().map(IpNet::from));
            parsed.map_err(|_| {
                format!("must be addresses and networks such as 10.0.0.0/8, separated by commas, not {part}")
            })
        };
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(network).collect::<Result<_, _>>().map(Self)
    }
}

impl From<Networks> for String {
    fn from(networks: Networks) -> Self {
        networks.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_hold_addresses_of_both_kinds() {
        let networks = Networks::try_from("10.0.0.0/8,192.0.2.7 , fd00::/8,".to_owned()).unwrap();
        for (address, within) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("fd12::1", true),
        ] {
            assert_eq!(networks.contain(address.parse().unwrap()), within, "{address}");
        }
        assert_eq!(String::from(networks), "10.0.0.0/8, 192.0.2.7/32, fd00::/8");
        assert!(Networks::try_from("10.0.0.0/8 fd00::/8".to_owned()).unwrap_err().contains("separated by commas"));
        assert!(!Networks::default().contain("127.0.0.1".parse().unwrap()));
    }
}
