//! Certificates made and verified: [`Signer`].

use openssl::asn1::Asn1Integer;
use openssl::bn::BigNum;
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{HasPublic, Id, PKeyRef, Private, Public};
use openssl::rand::rand_bytes;
use openssl::stack::Stack;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{
    X509, X509Builder, X509ExtendedKeyUsage, X509Extension, X509Name, X509NameRef, X509PurposeId,
    X509Ref, X509StoreContext, X509VerifyResult, X509v3Context,
};

use super::constraints::Constraints;
use super::key::digest;
use super::names::HostName;
use super::validity::Validity;

/// What a leaf certificate may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Server,
    Client,
}

impl Purpose {
    /// What a certificate is for, if that is one thing and known here.
    pub(super) fn only(certificate: &X509Ref) -> Option<Self> {
        match certificate.extended_key_usage()? {
            X509ExtendedKeyUsage::SSL_SERVER => Some(Self::Server),
            X509ExtendedKeyUsage::SSL_CLIENT => Some(Self::Client),
            _ => None,
        }
    }

    fn id(self) -> X509PurposeId {
        match self {
            Self::Server => X509PurposeId::SSL_SERVER,
            Self::Client => X509PurposeId::SSL_CLIENT,
        }
    }
}

/// What a leaf certificate is to say.
#[derive(Clone, Copy)]
pub(super) struct Leaf<'a> {
    pub(super) subject: &'a X509NameRef,
    pub(super) names: &'a [HostName],
    pub(super) purpose: Purpose,
    pub(super) key: &'a PKeyRef<Public>,
    pub(super) validity: Validity,
}

/// A CA's certificate and key.
pub(super) struct Signer<'a> {
    pub(super) certificate: &'a X509Ref,
    pub(super) key: &'a PKeyRef<Private>,
}

impl Signer<'_> {
    /// Issues a leaf.
    pub(super) fn sign(&self, leaf: &Leaf<'_>) -> Result<X509, ErrorStack> {
        let mut builder = begun(leaf.subject, leaf.key, leaf.validity)?;
        builder.set_issuer_name(self.certificate.subject_name())?;
        builder.append_extension(BasicConstraints::new().critical().build()?)?;
        builder.append_extension(key_usage(leaf.key)?)?;
        builder.append_extension(extended_key_usage(leaf.purpose)?)?;
        append(&mut builder, None, |context| {
            SubjectKeyIdentifier::new().build(context)
        })?;
        append(&mut builder, Some(self.certificate), |context| {
            AuthorityKeyIdentifier::new().keyid(false).build(context)
        })?;
        if !leaf.names.is_empty() {
            let is_nameless = leaf.subject.entries().next().is_none();
            append(&mut builder, None, |context| {
                alternative_names(leaf.names, is_nameless).build(context)
            })?;
        }
        builder.sign(self.key, digest(self.key))?;
        Ok(builder.build())
    }
}

/// Makes a root that vouches for leaves and for no other CA.
pub(super) fn root(
    subject: &X509NameRef,
    key: &PKeyRef<Private>,
    validity: Validity,
    constraints: &Constraints,
) -> Result<X509, ErrorStack> {
    let mut builder = begun(subject, key, validity)?;
    builder.set_issuer_name(subject)?;
    builder.append_extension(BasicConstraints::new().critical().ca().pathlen(0).build()?)?;
    let usage = KeyUsage::new()
        .critical()
        .key_cert_sign()
        .crl_sign()
        .build()?;
    builder.append_extension(usage)?;
    append(&mut builder, None, |context| {
        SubjectKeyIdentifier::new().build(context)
    })?;
    if let Some(extension) = constraints.extension()? {
        builder.append_extension(extension)?;
    }
    builder.sign(key, digest(key))?;
    Ok(builder.build())
}

/// Whether a certificate verifies, as a question to OpenSSL.
pub(super) struct Question<'a> {
    pub(super) leaf: &'a X509Ref,
    /// What its holder sends along.
    pub(super) sent: &'a [X509],
    pub(super) trusted: &'a [X509],
    /// Whether an intermediate counts as a root where it is trusted and its own root is not at hand.
    pub(super) partial: bool,
    pub(super) purpose: Purpose,
}

impl Question<'_> {
    /// What the holder's peer would be told.
    pub(super) fn answer(&self) -> Result<X509VerifyResult, ErrorStack> {
        let mut store = X509StoreBuilder::new()?;
        for certificate in self.trusted {
            store.add_cert(certificate.clone())?;
        }
        store.set_purpose(self.purpose.id())?;
        if self.partial {
            store.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
        }
        let mut sent = Stack::new()?;
        for certificate in self.sent {
            sent.push(certificate.clone())?;
        }
        let mut context = X509StoreContext::new()?;
        context.init(&store.build(), self.leaf, &sent, |context| {
            context.verify_cert()?;
            Ok(context.error())
        })
    }
}

/// A subject of a common name, or of nothing.
pub(super) fn subject(common_name: Option<&str>) -> Result<X509Name, ErrorStack> {
    let mut name = X509Name::builder()?;
    if let Some(common_name) = common_name {
        name.append_entry_by_nid(Nid::COMMONNAME, common_name)?;
    }
    Ok(name.build())
}

fn begun<T: HasPublic>(
    subject: &X509NameRef,
    key: &PKeyRef<T>,
    validity: Validity,
) -> Result<X509Builder, ErrorStack> {
    let mut builder = X509::builder()?;
    // Counted from 0: version 3.
    builder.set_version(2)?;
    let number = serial_number()?;
    builder.set_serial_number(&number)?;
    builder.set_subject_name(subject)?;
    builder.set_pubkey(key)?;
    let (from, until) = (validity.not_before()?, validity.not_after()?);
    builder.set_not_before(&from)?;
    builder.set_not_after(&until)?;
    Ok(builder)
}

/// 126 random bits: positive, and of 16 bytes, whatever was drawn.
fn serial_number() -> Result<Asn1Integer, ErrorStack> {
    let mut number = [0; 16];
    rand_bytes(&mut number)?;
    number[0] = number[0] & 0x3f | 0x40;
    Asn1Integer::from_bn(&*BigNum::from_slice(&number)?)
}

fn append(
    builder: &mut X509Builder,
    issuer: Option<&X509Ref>,
    build: impl FnOnce(&X509v3Context<'_>) -> Result<X509Extension, ErrorStack>,
) -> Result<(), ErrorStack> {
    let extension = build(&builder.x509v3_context(issuer, None))?;
    builder.append_extension(extension)
}

/// RSA keys of TLS 1.2 and below also take part in a key exchange that encrypts.
fn key_usage(key: &PKeyRef<Public>) -> Result<X509Extension, ErrorStack> {
    let mut usage = KeyUsage::new();
    usage.critical().digital_signature();
    if key.id() == Id::RSA {
        usage.key_encipherment();
    }
    usage.build()
}

fn extended_key_usage(purpose: Purpose) -> Result<X509Extension, ErrorStack> {
    let mut usage = ExtendedKeyUsage::new();
    match purpose {
        Purpose::Server => usage.server_auth(),
        Purpose::Client => usage.client_auth(),
    };
    usage.build()
}

/// Where the subject says nothing, the names must be understood by whoever verifies (RFC 5280, 4.2.1.6).
fn alternative_names(names: &[HostName], is_critical: bool) -> SubjectAlternativeName {
    let mut extension = SubjectAlternativeName::new();
    if is_critical {
        extension.critical();
    }
    for name in names {
        match name {
            HostName::Dns(name) => extension.dns(name),
            HostName::Ip(address) => extension.ip(&address.to_string()),
        };
    }
    extension
}
