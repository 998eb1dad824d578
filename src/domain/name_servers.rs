//! A list of name servers.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

/// Addresses of name servers, with ports where they are not 53, separated by commas: `192.0.2.53, [2001:db8::53]:5353`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NameServers(pub Vec<SocketAddr>);

impl TryFrom<String> for NameServers {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let server = |part: &str| {
            let parsed = part.parse().or_else(|_| part.parse::<IpAddr>().map(|ip| SocketAddr::from((ip, 53))));
            parsed.map_err(|_| {
                format!("must be addresses such as 192.0.2.53, with or without a port, separated by commas, not {part}")
            })
        };
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(server).collect::<Result<_, _>>().map(Self)
    }
}

impl From<NameServers> for String {
    fn from(servers: NameServers) -> Self {
        servers.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_have_ports_or_the_usual_one() {
        let servers = NameServers::try_from("192.0.2.53, 127.0.0.1:5353,2001:db8::53,[::1]:5300".to_owned()).unwrap();
        assert_eq!(String::from(servers), "192.0.2.53:53, 127.0.0.1:5353, [2001:db8::53]:53, [::1]:5300");
        assert!(NameServers::try_from("dns.example".to_owned()).unwrap_err().contains("not dns.example"));
        assert_eq!(NameServers::try_from(String::new()).unwrap(), NameServers::default());
    }
}
