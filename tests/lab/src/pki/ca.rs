//! Certificate authorities: honest, constrained, expired, and impostors.

use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CidrSubnet,
    CrlDistributionPoint, DnType, GeneralSubtree, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose,
    NameConstraints, RevokedCertParams, SerialNumber,
};
use time::{Duration, OffsetDateTime};

use super::{Digest, Issued, Key, KeyKind, Leaf, Validity, issued, legacy};

/// What a CA is to be; [`CaSpec::root`] or [`CaSpec::signed_by`] makes it.
#[derive(Clone, Debug)]
pub struct CaSpec {
    common_name: String,
    validity: Validity,
    constraints: NameConstraints,
    kind: KeyKind,
    digest: Option<Digest>,
    lists: Vec<String>,
}

impl CaSpec {
    /// A CA of this common name, valid for ten years, with a P-256 key.
    pub fn new(common_name: &str) -> Self {
        Self {
            common_name: common_name.to_owned(),
            validity: Validity::days(3650),
            constraints: NameConstraints {
                permitted_subtrees: Vec::new(),
                excluded_subtrees: Vec::new(),
            },
            kind: KeyKind::EcP256,
            digest: None,
            lists: Vec::new(),
        }
    }

    /// Sets from when to when the CA counts.
    #[must_use]
    pub fn validity(mut self, validity: Validity) -> Self {
        self.validity = validity;
        self
    }

    /// Sets the kind of its key.
    #[must_use]
    pub fn key_kind(mut self, kind: KeyKind) -> Self {
        self.kind = kind;
        self
    }

    /// Lets the CA vouch for this domain and what lies below it, and for no other DNS name.
    #[must_use]
    pub fn permit_dns(mut self, domain: &str) -> Self {
        let subtree = GeneralSubtree::DnsName(domain.to_owned());
        self.constraints.permitted_subtrees.push(subtree);
        self
    }

    /// Forbids the CA to vouch for this domain and what lies below it.
    #[must_use]
    pub fn exclude_dns(mut self, domain: &str) -> Self {
        let subtree = GeneralSubtree::DnsName(domain.to_owned());
        self.constraints.excluded_subtrees.push(subtree);
        self
    }

    /// Forbids the CA to vouch for this network.
    #[must_use]
    pub fn exclude_ip(mut self, address: &str, prefix: u8) -> Self {
        let address: IpAddr = address.parse().expect("a network starts with an address");
        let network = CidrSubnet::from_addr_prefix(address, prefix);
        let subtree = GeneralSubtree::IpAddress(network);
        self.constraints.excluded_subtrees.push(subtree);
        self
    }

    /// Has the CA's certificate signed over SHA-1, by itself or by the CA above it.
    #[must_use]
    pub fn signed_with_sha1(mut self) -> Self {
        self.digest = Some(Digest::Sha1);
        self
    }

    /// Says where the list of the CA above is to be had.
    #[must_use]
    pub fn list_at(mut self, url: &str) -> Self {
        self.lists.push(url.to_owned());
        self
    }

    /// Makes the CA a root: it signs itself.
    pub fn root(&self) -> Ca {
        self.root_with(Key::generate(self.kind))
    }

    /// The same with a key that exists: a root that is renewed keeps its pin.
    pub fn root_with(&self, key: Key) -> Ca {
        let params = self.params();
        let certificate = params.self_signed(&key).expect("a root signs itself");
        let der = self.signed(certificate.der().to_vec(), &key);
        Ca {
            issued: Issued::new(der, Vec::new(), key),
            params,
        }
    }

    /// Makes the CA an intermediate of another.
    pub fn signed_by(&self, parent: &Ca) -> Ca {
        let key = Key::generate(self.kind);
        let params = self.params();
        let certificate = params
            .signed_by(&key, &parent.issuer())
            .expect("a CA signs an intermediate");
        let der = self.signed(certificate.der().to_vec(), parent.key());
        Ca {
            issued: Issued::new(der, parent.chain_below_root(), key),
            params,
        }
    }

    /// The certificate over the digest that was asked for.
    fn signed(&self, der: Vec<u8>, issuer: &Key) -> Vec<u8> {
        match self.digest {
            Some(digest) => legacy::resign(&der, issuer, digest, None),
            None => der,
        }
    }

    fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, &self.common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = self.validity.not_before;
        params.not_after = self.validity.not_after;
        params.use_authority_key_identifier_extension = true;
        let constrained = !self.constraints.permitted_subtrees.is_empty()
            || !self.constraints.excluded_subtrees.is_empty();
        let lists = self.lists.iter();
        let points = lists.map(|url| CrlDistributionPoint {
            uris: vec![url.clone()],
        });
        params.crl_distribution_points = points.collect();
        params.name_constraints = constrained.then(|| self.constraints.clone());
        params
    }
}

/// A certificate authority, root or intermediate.
#[derive(Clone, Debug)]
pub struct Ca {
    issued: Issued,
    params: CertificateParams,
}

impl Ca {
    /// An ordinary root of this common name.
    pub fn root(common_name: &str) -> Self {
        CaSpec::new(common_name).root()
    }

    /// An ordinary intermediate of this CA.
    #[must_use]
    pub fn intermediate(&self, common_name: &str) -> Self {
        CaSpec::new(common_name).signed_by(self)
    }

    /// A root that goes by this CA's very name but holds another key.
    #[must_use]
    pub fn impostor(&self) -> Self {
        let key = Key::generate(KeyKind::EcP256);
        let certificate = self
            .params
            .self_signed(&key)
            .expect("an impostor signs itself");
        Self {
            issued: Issued::new(certificate.der().to_vec(), Vec::new(), key),
            params: self.params.clone(),
        }
    }

    /// Issues a leaf; its chain carries the intermediates between it and the root.
    pub fn issue(&self, leaf: &Leaf) -> Issued {
        let key = leaf.key.clone().unwrap_or_else(|| Key::generate(leaf.kind));
        let certificate = leaf
            .params()
            .signed_by(&key, &self.issuer())
            .expect("a CA signs a leaf");
        let der = certificate.der().to_vec();
        let certified = leaf.certified.as_deref();
        let der = match (leaf.digest, certified) {
            (None, None) => der,
            (digest, certified) => {
                let digest = digest.unwrap_or(Digest::Sha256);
                legacy::resign(&der, self.key(), digest, certified)
            }
        };
        Issued::new(der, self.chain_below_root(), key)
    }

    /// The CA's own certificate in PEM: the content of a CA file if it is a root.
    pub fn cert_pem(&self) -> String {
        self.issued.cert_pem()
    }

    /// The CA's own certificate in DER.
    pub fn cert_der(&self) -> &[u8] {
        self.issued.cert_der()
    }

    /// The CA's private key.
    pub fn key(&self) -> &Key {
        self.issued.key()
    }

    /// The CA's certificate and key as something that can be presented or written.
    pub fn as_issued(&self) -> &Issued {
        &self.issued
    }

    /// A revocation list in PEM that names these certificates; empty, it revokes nothing.
    pub fn crl_pem(&self, revoked: &[&Issued]) -> String {
        self.list(revoked, Duration::days(7))
    }

    /// The same, a revocation list whose time was over an hour ago.
    pub fn ended_crl_pem(&self, revoked: &[&Issued]) -> String {
        self.list(revoked, -Duration::hours(1))
    }

    /// The same, a revocation list that ends in so many days.
    pub fn crl_pem_for_days(&self, revoked: &[&Issued], days: i64) -> String {
        self.list(revoked, Duration::days(days))
    }

    fn list(&self, revoked: &[&Issued], lasts: Duration) -> String {
        let now = OffsetDateTime::now_utc();
        let revoked_certs = revoked.iter().map(|certificate| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&certificate.serial()),
            revocation_time: now - Duration::hours(1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: now - Duration::hours(2),
            next_update: now + lasts,
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer()).expect("a CA signs its list");
        issued::pem("X509 CRL", list.der())
    }

    fn issuer(&self) -> Issuer<'_, &Key> {
        Issuer::from_params(&self.params, self.key())
    }

    /// What a server sends besides its leaf: nothing for a root, who is known or is not.
    fn chain_below_root(&self) -> Vec<Vec<u8>> {
        if self.issued.is_self_signed() {
            return Vec::new();
        }
        let mut chain = vec![self.cert_der().to_vec()];
        chain.extend(self.issued.intermediates().iter().cloned());
        chain
    }
}
