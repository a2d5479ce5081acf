//! The settings of TLS connections as rustls wants them. Connections that are alike share theirs, and with them the sessions that
//! can be resumed.

use crate::event::Failure;
use crate::layer::Broken;
use crate::layer::tls::{Identity, Tls, Trust};
use crate::layer::tls_error::{broken, wrong_fingerprint};
use crate::shared::lock;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock};

/// Settings that are kept, the last used first; others are made anew, and their sessions forgotten.
const MAX_KEPT: usize = 128;

/// All that settings are made of: not the server's name.
type Key = (Trust, Vec<Vec<u8>>, Option<Identity>);

static KEPT: Mutex<VecDeque<(Key, Arc<ClientConfig>)>> = Mutex::new(VecDeque::new());

/// The settings for such connections.
pub fn config_of(tls: &Tls) -> Result<Arc<ClientConfig>, Broken> {
    let key = (tls.trust.clone(), tls.alpn.clone(), tls.identity.clone());
    let mut kept = lock(&KEPT);
    let place = kept.iter().position(|(other, _)| *other == key);
    let entry = match place.and_then(|place| kept.remove(place)) {
        Some(entry) => entry,
        None => {
            let config = Arc::new(make(&key)?);
            (key, config)
        }
    };
    let config = entry.1.clone();
    kept.push_front(entry);
    kept.truncate(MAX_KEPT);
    Ok(config)
}

fn make((trust, alpn, identity): &Key) -> Result<ClientConfig, Broken> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| broken(&error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier(trust)?);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (certificates, key) = parse(identity).ok_or_else(unreadable)?;
            builder
                .with_client_auth_cert(certificates, key)
                .map_err(|_| unreadable())?
        }
    };
    config.alpn_protocols.clone_from(alpn);
    Ok(config)
}

fn unreadable() -> Broken {
    Broken {
        failure: Failure::TlsClientCertificate,
        message: "the client certificate or its key cannot be read".to_owned(),
    }
}

fn parse(identity: &Identity) -> Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(&identity.certificates).collect();
    let key = PrivateKeyDer::from_pem_slice(&identity.key).ok()?;
    Some((certificates.ok()?, key))
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER
        .get_or_init(|| Arc::new(ring::default_provider()))
        .clone()
}

/// Mozilla's authorities, as Node has them for the helper's other TLS: no file of the machine is read.
fn authorities() -> Result<Arc<WebPkiServerVerifier>, Broken> {
    static VERIFIER: OnceLock<Arc<WebPkiServerVerifier>> = OnceLock::new();
    if let Some(verifier) = VERIFIER.get() {
        return Ok(verifier.clone());
    }
    let roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let made = verifier_of(roots).map_err(|error| broken(&error))?;
    Ok(VERIFIER.get_or_init(|| made).clone())
}

fn verifier_of(roots: RootCertStore) -> Result<Arc<WebPkiServerVerifier>, Error> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| Error::General(error.to_string()))
}

fn verifier(trust: &Trust) -> Result<Arc<dyn ServerCertVerifier>, Broken> {
    Ok(match trust {
        Trust::Authorities => authorities()?,
        Trust::Fingerprint(fingerprint) => Arc::new(Pinned(Some(*fingerprint))),
        Trust::Anybody => Arc::new(Pinned(None)),
    })
}

/// Believes a server by the fingerprint of its certificate; without one whatever it shows. In any case it must have the key.
#[derive(Debug)]
struct Pinned(Option<[u8; 32]>);

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(fingerprint) = self.0 else {
            return Ok(ServerCertVerified::assertion());
        };
        if sha256(end_entity) == fingerprint {
            return Ok(ServerCertVerified::assertion());
        }
        // That of an authority: anybody can show its certificate, so the server's must lead to it.
        let authority = intermediates
            .iter()
            .find(|each| sha256(each) == fingerprint)
            .ok_or_else(wrong_fingerprint)?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        verifier_of(roots)?.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &provider().signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &provider().signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let known = &provider().signature_verification_algorithms;
        known.supported_schemes()
    }
}

fn sha256(certificate: &CertificateDer<'_>) -> [u8; 32] {
    let mut digest = [0; 32];
    let hash = ::ring::digest::digest(&::ring::digest::SHA256, certificate);
    digest.copy_from_slice(hash.as_ref());
    digest
}
