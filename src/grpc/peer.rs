//! Which service a client certificate is of.
//!
//! The handshake has verified the chain, up to the authorities for clients. Here counts what is in the certificate itself: exactly
//! one URI, which is a SPIFFE id. A connection can outlive its certificate, so that is looked at with each call.

use rustls::pki_types::CertificateDer;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::domain::error::{Error, Reason, Refusal, Result};
use crate::domain::name::SpiffeId;

/// The SPIFFE id of the certificate that came with the connection; None: there was no certificate.
pub(super) fn spiffe_id(extensions: &http::Extensions) -> Result<Option<SpiffeId>> {
    let connection = extensions.get::<TlsConnectInfo<TcpConnectInfo>>();
    let chain = connection.and_then(TlsConnectInfo::peer_certs);
    let Some(own) = chain.as_ref().and_then(|chain| chain.first()) else { return Ok(None) };
    #[expect(
        clippy::disallowed_methods,
        reason = "certificates carry times of their own, as the handshake compares them"
    )]
    let now = std::time::SystemTime::now();
    of_certificate(own, now).map(Some).map_err(|what| invalid(&what))
}

fn of_certificate(own: &CertificateDer<'_>, now: std::time::SystemTime) -> Result<SpiffeId, String> {
    let certificate = Certificate::from_der(own).map_err(|_| "can't be read".to_owned())?;
    let fields = &certificate.tbs_certificate;
    if fields.validity.not_after.to_system_time() < now {
        return Err("has expired since the connection began; connect again with a new one".to_owned());
    }
    let names = fields.get::<SubjectAltName>().map_err(|_| "has names that can't be read".to_owned())?;
    let names = names.map(|(_, names)| names.0).unwrap_or_default();
    let uris: Vec<_> = names
        .iter()
        .filter_map(|name| match name {
            GeneralName::UniformResourceIdentifier(uri) => Some(uri.as_str()),
            _ => None,
        })
        .collect();
    match uris.as_slice() {
        [uri] => SpiffeId::parse(uri).map_err(|allowed| format!("has a URI that is no SPIFFE id: it {allowed}")),
        [] => Err("has no SPIFFE id: it needs exactly one URI among its subject alternative names".to_owned()),
        several => Err(format!("has {} URIs: exactly one is allowed, its SPIFFE id", several.len())),
    }
}

fn invalid(what: &str) -> Error {
    Refusal::new(Reason::CertificateInvalid, format!("the client certificate {what}")).into()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn read(names: &[SanType], later: Duration) -> Result<String, String> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names.to_vec();
        params.not_after = (SystemTime::UNIX_EPOCH + Duration::from_secs(1000)).into();
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        of_certificate(certificate.der(), SystemTime::UNIX_EPOCH + later).map(|id| id.to_string())
    }

    #[test]
    fn one_uri_counts_and_it_is_a_spiffe_id() {
        let uri = |text: &str| SanType::URI(text.try_into().unwrap());
        let dns = SanType::DnsName("billing.example".try_into().unwrap());
        let (id, early) = ("spiffe://example.org/billing", Duration::from_secs(999));
        assert_eq!(read(&[uri(id)], early).as_deref(), Ok(id));
        assert_eq!(read(&[dns.clone(), uri(id)], early).as_deref(), Ok(id), "names of other kinds don't matter");
        assert!(read(&[uri(id), uri("spiffe://example.org/other")], early).unwrap_err().contains("2 URIs"));
        assert!(read(&[uri(id), uri("https://example.org")], early).is_err(), "also if only one is a SPIFFE id");
        assert!(read(&[uri("https://example.org/billing")], early).unwrap_err().contains("no SPIFFE id"));
        assert!(read(&[dns], early).unwrap_err().contains("no SPIFFE id"));
        assert!(read(&[], early).is_err());
        assert!(read(&[uri(id)], Duration::from_secs(1001)).unwrap_err().contains("expired"));
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        assert!(of_certificate(&CertificateDer::from(vec![0x30, 0x03, 1, 2, 3]), SystemTime::UNIX_EPOCH).is_err());
    }
}
