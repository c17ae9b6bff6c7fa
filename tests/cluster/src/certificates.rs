//! Certificates of a cluster, made when it starts: an authority, the API server's, the one it shows to the kubelet, and
//! the key of service accounts.

use crate::error::ClusterError;
use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509NameBuilder};
use std::fs;
use std::path::Path;

/// Names under which pods find the API server.
const NAMES: [&str; 4] = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];

/// Writes `ca.pem`, `apiserver.{pem,key}`, `kubelet-client.{pem,key}` and `accounts.key` into `dir`. The API server answers
/// at `addresses`.
pub(crate) fn make(dir: &Path, addresses: &[&str]) -> Result<(), ClusterError> {
    fs::create_dir_all(dir).map_err(ClusterError::io("create", dir))?;
    let authority = Signed::new("stockpipe test cluster", None, None, &[])?;
    let server = Signed::new("kube-apiserver", None, Some(&authority), addresses)?;
    let client = Signed::new("kube-apiserver", Some("system:masters"), Some(&authority), &[])?;
    // As SEC 1: from PKCS #8 the API server takes RSA keys only.
    let accounts = key()?.ec_key()?.private_key_to_pem()?;
    let files = [
        ("ca.pem", authority.certificate.to_pem()?),
        ("apiserver.pem", server.certificate.to_pem()?),
        ("apiserver.key", server.key.private_key_to_pem_pkcs8()?),
        ("kubelet-client.pem", client.certificate.to_pem()?),
        ("kubelet-client.key", client.key.private_key_to_pem_pkcs8()?),
        ("accounts.key", accounts),
    ];
    for (name, text) in files {
        let path = dir.join(name);
        fs::write(&path, text).map_err(ClusterError::io("write", path))?;
    }
    Ok(())
}

struct Signed {
    key: PKey<Private>,
    certificate: X509,
}

fn key() -> Result<PKey<Private>, ErrorStack> {
    PKey::from_ec_key(EcKey::generate(&*EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?)?)
}

impl Signed {
    fn new(
        name: &str,
        group: Option<&str>,
        authority: Option<&Signed>,
        addresses: &[&str],
    ) -> Result<Signed, ErrorStack> {
        let key = key()?;
        let mut subject = X509NameBuilder::new()?;
        subject.append_entry_by_nid(Nid::COMMONNAME, name)?;
        if let Some(group) = group {
            subject.append_entry_by_nid(Nid::ORGANIZATIONNAME, group)?;
        }
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
        builder.set_not_after(&*Asn1Time::days_from_now(365)?)?;
        if authority.is_none() {
            builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
            builder.append_extension(KeyUsage::new().critical().key_cert_sign().build()?)?;
        } else {
            builder.append_extension(ExtendedKeyUsage::new().server_auth().client_auth().build()?)?;
        }
        if !addresses.is_empty() {
            let mut names = SubjectAlternativeName::new();
            for address in addresses {
                names.ip(address);
            }
            for name in NAMES {
                names.dns(name);
            }
            let names = names.build(&builder.x509v3_context(None, None))?;
            builder.append_extension(names)?;
        }
        builder.sign(authority.map_or(&key, |authority| &authority.key), MessageDigest::sha256())?;
        Ok(Signed { key, certificate: builder.build() })
    }
}
