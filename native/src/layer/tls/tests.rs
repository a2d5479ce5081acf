//! TLS against a server of rustls, with certificates made for the test.

use super::*;
use proptest::prelude::*;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{HandshakeKind, RootCertStore, ServerConfig, ServerConnection};
use std::io::{Read, Write};
use std::sync::{Arc, OnceLock};

/// An authority of the test, and certificates of it.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn get() -> &'static Self {
        static AUTHORITY: OnceLock<Authority> = OnceLock::new();
        AUTHORITY.get_or_init(|| {
            let mut params = CertificateParams::new(vec![]).unwrap();
            let mut name = DistinguishedName::new();
            name.push(DnType::CommonName, "Test authority");
            params.distinguished_name = name;
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
        })
    }

    fn der(&self) -> &CertificateDer<'static> {
        let certificate: &Certificate = self.0.as_ref();
        certificate.der()
    }

    /// A certificate for a name, with its years, and its key.
    fn issue(&self, name: &str, from: i32, to: i32) -> (Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        (params.signed_by(&key, &self.0).unwrap(), key)
    }
}

fn server_config(certificate: &Certificate, key: &KeyPair, asks: bool) -> ServerConfig {
    let authority = Authority::get().der().clone();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = if asks {
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    builder
        .with_single_cert(vec![certificate.der().clone(), authority], key)
        .unwrap()
}

fn good_server() -> Arc<ServerConfig> {
    let (certificate, key) = Authority::get().issue("good.example", 2000, 2100);
    Arc::new(server_config(&certificate, &key, false))
}

fn tls(name: &str, trust: Trust) -> Tls {
    Tls {
        server_name: name.to_owned(),
        trust,
        alpn: vec![],
        identity: None,
    }
}

fn fingerprint(certificate: &CertificateDer<'_>) -> [u8; 32] {
    let digest = ::ring::digest::digest(&::ring::digest::SHA256, certificate);
    digest.as_ref().try_into().unwrap()
}

/// A layer and a server between which bytes go in pieces of these sizes.
struct Talk {
    layer: TlsLayer,
    server: ServerConnection,
    sizes: Vec<usize>,
    /// On their way to the server.
    up: Vec<u8>,
    plain: Vec<u8>,
    heard: Vec<u8>,
}

impl Talk {
    fn begin(tls: &Tls, server: Arc<ServerConfig>, sizes: &[usize]) -> Result<Self, Broken> {
        let mut talk = Self {
            layer: TlsLayer::new(tls)?,
            server: ServerConnection::new(server).unwrap(),
            sizes: sizes.to_vec(),
            up: Vec::new(),
            plain: Vec::new(),
            heard: Vec::new(),
        };
        talk.layer.begin(&mut talk.up)?;
        Ok(talk)
    }

    /// Lets everything arrive that is on its way.
    fn settle(&mut self) -> Result<(), Broken> {
        let mut turn = 0;
        loop {
            let up = std::mem::take(&mut self.up);
            let mut rest = &up[..];
            while !rest.is_empty() {
                self.server.read_tls(&mut rest).unwrap();
                // What is wrong is told by an alert.
                let _ = self.server.process_new_packets();
                let mut buffer = [0; 4_096];
                while let Ok(count @ 1..) = self.server.reader().read(&mut buffer) {
                    self.heard.extend_from_slice(&buffer[..count]);
                }
            }
            let mut down = Vec::new();
            while self.server.wants_write() {
                self.server.write_tls(&mut down).unwrap();
            }
            if down.is_empty() && self.up.is_empty() {
                return Ok(());
            }
            let mut rest = &mut down[..];
            while !rest.is_empty() {
                let size = self.sizes[turn % self.sizes.len()].min(rest.len());
                turn += 1;
                let (piece, tail) = rest.split_at_mut(size);
                self.layer.receive(piece, &mut self.plain, &mut self.up)?;
                rest = tail;
            }
        }
    }

    fn failure(tls: &Tls, server: Arc<ServerConfig>) -> Result<(), Failure> {
        Self::begin(tls, server, &[1_000])
            .and_then(|mut talk| talk.settle())
            .map_err(|broken| broken.failure)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_byte_arrives_both_ways_in_any_pieces(
        said in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40_000), 0..4),
        sizes in prop::collection::vec(1usize..3_000, 1..12),
    ) {
        let mut talk = Talk::begin(&tls("good.example", Trust::Anybody), good_server(), &sizes).unwrap();
        talk.settle().unwrap();
        prop_assert!(talk.layer.is_open());
        for bytes in &said {
            talk.layer.send(bytes, &mut talk.up).unwrap();
            talk.server.writer().write_all(bytes).unwrap();
            talk.settle().unwrap();
        }
        prop_assert!(talk.plain == said.concat() && talk.heard == said.concat());
        // An idle connection keeps nothing.
        prop_assert_eq!(talk.layer.rest.capacity(), 0);
        prop_assert!(!talk.layer.has_ended());
    }
}

#[test]
fn one_direction_ends_while_the_other_goes_on() {
    let mut talk = Talk::begin(&tls("good.example", Trust::Anybody), good_server(), &[77]).unwrap();
    talk.settle().unwrap();
    talk.layer.finish(&mut talk.up).unwrap();
    talk.settle().unwrap();
    assert!(
        talk.server
            .reader()
            .read(&mut [0; 8])
            .is_ok_and(|count| count == 0)
    );
    talk.server.writer().write_all(b"still here").unwrap();
    talk.settle().unwrap();
    assert_eq!(
        (&talk.plain[..], talk.layer.has_ended()),
        (&b"still here"[..], false)
    );
    talk.server.send_close_notify();
    talk.settle().unwrap();
    assert!(talk.layer.has_ended());

    let mut talk = Talk::begin(&tls("good.example", Trust::Anybody), good_server(), &[77]).unwrap();
    talk.settle().unwrap();
    talk.server.send_close_notify();
    talk.settle().unwrap();
    assert!(talk.layer.has_ended());
    talk.layer.send(b"still here", &mut talk.up).unwrap();
    talk.settle().unwrap();
    assert_eq!(talk.heard, b"still here");
}

#[test]
fn who_is_believed_and_what_the_others_failure_is_called() {
    let authority = Authority::get();
    let by_authority = Trust::Fingerprint(fingerprint(authority.der()));
    let server = |name: &str, from: i32, to: i32| {
        let (certificate, key) = authority.issue(name, from, to);
        let print = fingerprint(certificate.der());
        (Arc::new(server_config(&certificate, &key, false)), print)
    };
    let (good, print) = server("good.example", 2000, 2100);
    let (expired, expired_print) = server("good.example", 2000, 2001);
    let (early, _) = server("good.example", 2090, 2100);
    let (other, _) = server("other.example", 2000, 2100);
    let unknown = Err(Failure::TlsUnknownIssuer);
    for (trust, server, outcome) in [
        (Trust::Authorities, &good, unknown),
        (Trust::Anybody, &expired, Ok(())),
        (Trust::Fingerprint(print), &good, Ok(())),
        (
            Trust::Fingerprint(print),
            &other,
            Err(Failure::TlsFingerprint),
        ),
        (
            Trust::Fingerprint([7; 32]),
            &good,
            Err(Failure::TlsFingerprint),
        ),
        // The very certificate: its years and its name do not matter.
        (Trust::Fingerprint(expired_print), &expired, Ok(())),
        (by_authority.clone(), &good, Ok(())),
        (by_authority.clone(), &expired, Err(Failure::TlsExpired)),
        (by_authority.clone(), &early, Err(Failure::TlsNotYetValid)),
        (by_authority, &other, Err(Failure::TlsName)),
    ] {
        assert_eq!(
            Talk::failure(&tls("good.example", trust), server.clone()),
            outcome
        );
    }
}

#[test]
fn an_authority_that_is_only_shown_is_not_enough() {
    // The server shows the pinned certificate behind its own, which another has signed.
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["good.example".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let server = Arc::new(server_config(&certificate, &key, false));
    let trust = Trust::Fingerprint(fingerprint(Authority::get().der()));
    let failure = Talk::failure(&tls("good.example", trust), server);
    assert_eq!(failure, Err(Failure::TlsUnknownIssuer));
}

#[test]
fn a_server_that_wants_a_certificate_is_shown_one_or_says_so() {
    let authority = Authority::get();
    let (certificate, key) = authority.issue("good.example", 2000, 2100);
    let server = Arc::new(server_config(&certificate, &key, true));
    let mut wish = tls("good.example", Trust::Anybody);
    let refused = Err(Failure::TlsClientCertificate);
    assert_eq!(Talk::failure(&wish, server.clone()), refused);
    let (mine, key) = authority.issue("me", 2000, 2100);
    wish.identity = Some(Identity {
        certificates: mine.pem().into_bytes(),
        key: key.serialize_pem().into_bytes(),
    });
    assert_eq!(Talk::failure(&wish, server.clone()), Ok(()));
    wish.identity = Some(Identity {
        certificates: b"nothing".to_vec(),
        key: b"nothing".to_vec(),
    });
    assert_eq!(Talk::failure(&wish, server), refused);
}

#[test]
fn a_session_is_resumed_with_the_same_server_name_and_trust_only() {
    let server = good_server();
    let kind = |tls: &Tls| {
        let mut talk = Talk::begin(tls, server.clone(), &[500]).unwrap();
        talk.settle().unwrap();
        talk.server.handshake_kind()
    };
    let wish = tls("resumed.example", Trust::Anybody);
    assert_eq!(kind(&wish), Some(HandshakeKind::Full));
    assert_eq!(kind(&wish), Some(HandshakeKind::Resumed));
    assert_eq!(
        kind(&tls("another.example", Trust::Anybody)),
        Some(HandshakeKind::Full)
    );
    let mut other = wish;
    other.alpn = vec![b"h2".to_vec()];
    assert_ne!(kind(&other), Some(HandshakeKind::Resumed));
}

#[test]
fn what_is_no_tls_is_told_at_once() {
    for said in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        &[5, 255],
        &[0; 64],
    ] {
        let mut layer = TlsLayer::new(&tls("a.example", Trust::Anybody)).unwrap();
        layer.begin(&mut Vec::new()).unwrap();
        let taken = layer.receive(&mut said.to_vec(), &mut Vec::new(), &mut Vec::new());
        if said.len() > 5 {
            assert_eq!(taken.unwrap_err().failure, Failure::TlsFailed);
        }
    }
    let bad_name = TlsLayer::new(&tls("not a name", Trust::Anybody));
    assert_eq!(
        bad_name.err().map(|broken| broken.failure),
        Some(Failure::TlsName)
    );
}
