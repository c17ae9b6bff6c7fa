//! Certificates of a secured stack, made when it starts and never kept: an authority, the servers', and one for a client.

use crate::error::ServerError;
use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509NameBuilder};
use std::fs;
use std::path::Path;

/// A user who may do everything the pipeline needs, and the password. Also the name in the client's certificate.
pub const APP: (&str, &str) = ("app", "open-sesame");
/// A user who may log in and do nothing.
pub const NOBODY: (&str, &str) = ("nobody", "knock-knock");
/// Cassandra's first user.
pub const SUPERUSER: (&str, &str) = ("cassandra", "cassandra");

/// What clients of a secured stack need, as PEM.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// The authority's certificate.
    pub ca: String,
    /// The client's certificate.
    pub client: String,
    /// The client's key.
    pub client_key: String,
}

impl Certificates {
    /// Makes them and writes into `dir` what the servers read.
    pub(crate) fn make(dir: &Path) -> Result<Certificates, ServerError> {
        fs::create_dir_all(dir).map_err(ServerError::io("create", dir))?;
        let authority = Signed::new("stockpipe tests", None)?;
        let server = Signed::new("127.0.0.1", Some(&authority))?;
        let client = Signed::new(APP.0, Some(&authority))?;
        let made = Certificates {
            ca: authority.certificate()?,
            client: client.certificate()?,
            client_key: client.key()?,
        };
        let chain = format!("{}{}{}", server.key()?, server.certificate()?, made.ca);
        let files = [
            ("ca.pem", &made.ca),
            ("server.pem", &chain),
            ("client.pem", &made.client),
            ("client.key.pem", &made.client_key),
        ];
        for (name, text) in files {
            let path = dir.join(name);
            fs::write(&path, text).map_err(ServerError::io("write", &path))?;
        }
        Ok(made)
    }

    /// Reads them where a stack has made them.
    pub(crate) fn read(dir: &Path) -> Result<Certificates, ServerError> {
        let read = |name: &str| {
            let path = dir.join(name);
            fs::read_to_string(&path).map_err(ServerError::io("read", path))
        };
        Ok(Certificates {
            ca: read("ca.pem")?,
            client: read("client.pem")?,
            client_key: read("client.key.pem")?,
        })
    }
}

struct Signed {
    key: PKey<Private>,
    certificate: X509,
}

impl Signed {
    fn new(name: &str, authority: Option<&Signed>) -> Result<Signed, ErrorStack> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let key = PKey::from_ec_key(EcKey::generate(&group)?)?;
        let mut subject = X509NameBuilder::new()?;
        subject.append_entry_by_nid(Nid::COMMONNAME, name)?;
        let subject = subject.build();
        let mut serial = BigNum::new()?;
        serial.rand(127, MsbOption::MAYBE_ZERO, false)?;

        let mut builder = X509Builder::new()?;
        builder.set_version(2)?;
        builder.set_serial_number(&*serial.to_asn1_integer()?)?;
        builder.set_subject_name(&subject)?;
        builder
            .set_issuer_name(authority.map_or(&*subject, |authority| authority.certificate.subject_name()))?;
        builder.set_pubkey(&key)?;
        builder.set_not_before(&*Asn1Time::days_from_now(0)?)?;
        builder.set_not_after(&*Asn1Time::days_from_now(30)?)?;
        if authority.is_none() {
            builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        } else {
            builder.append_extension(ExtendedKeyUsage::new().server_auth().client_auth().build()?)?;
            let names =
                SubjectAlternativeName::new().ip("127.0.0.1").build(&builder.x509v3_context(None, None))?;
            builder.append_extension(names)?;
        }
        builder.sign(authority.map_or(&key, |authority| &authority.key), MessageDigest::sha256())?;
        Ok(Signed { key, certificate: builder.build() })
    }

    fn certificate(&self) -> Result<String, ErrorStack> {
        Ok(String::from_utf8_lossy(&self.certificate.to_pem()?).into_owned())
    }

    /// PKCS #8, the only form that Java reads.
    fn key(&self) -> Result<String, ErrorStack> {
        Ok(String::from_utf8_lossy(&self.key.private_key_to_pem_pkcs8()?).into_owned())
    }
}
