//! What went wrong with TLS, in the words of a dial.

use crate::event::Failure;
use crate::layer::Broken;
use rustls::{AlertDescription, CertificateError, Error, OtherError};
use std::fmt;

/// The certificate is not the one that was asked for.
#[derive(Debug)]
pub struct WrongFingerprint;

impl fmt::Display for WrongFingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the certificate has another fingerprint")
    }
}

impl std::error::Error for WrongFingerprint {}

/// As rustls wants it from who checks certificates.
pub fn wrong_fingerprint() -> Error {
    let error = OtherError(std::sync::Arc::new(WrongFingerprint));
    Error::InvalidCertificate(CertificateError::Other(error))
}

/// An error of a connection.
pub fn broken(error: &Error) -> Broken {
    let (failure, message) = match error {
        Error::InvalidCertificate(problem) => of_certificate(problem),
        Error::AlertReceived(alert) => of_alert(*alert),
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => (
            Failure::TlsFailed,
            "the server does not speak TLS as it should".to_owned(),
        ),
        other => (Failure::TlsFailed, other.to_string()),
    };
    Broken { failure, message }
}

fn of_certificate(problem: &CertificateError) -> (Failure, String) {
    let failure = match problem {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Failure::TlsExpired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Failure::TlsNotYetValid
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Failure::TlsName
        }
        CertificateError::UnknownIssuer => Failure::TlsUnknownIssuer,
        CertificateError::Other(error) if error.0.is::<WrongFingerprint>() => {
            Failure::TlsFingerprint
        }
        // It signs for itself, as an authority would.
        CertificateError::Other(error) if error.to_string().contains("CaUsedAsEndEntity") => {
            Failure::TlsUnknownIssuer
        }
        _ => Failure::TlsCertificate,
    };
    let text = match failure {
        Failure::TlsFingerprint => WrongFingerprint.to_string(),
        _ => format!("the certificate: {problem}"),
    };
    (failure, text)
}

fn of_alert(alert: AlertDescription) -> (Failure, String) {
    let failure = match alert {
        AlertDescription::CertificateRequired
        | AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied => Failure::TlsClientCertificate,
        AlertDescription::UnrecognisedName => Failure::TlsName,
        _ => Failure::TlsFailed,
    };
    (failure, format!("the server ended TLS: {alert:?}"))
}
