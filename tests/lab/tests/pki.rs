//! The certificates are what they say they are, by OpenSSL's own judgement.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::os::unix::fs::PermissionsExt;

use openssl::nid::Nid;
use openssl::ssl::SslFiletype;
use openssl::stack::Stack;
use openssl::x509::store::{X509Lookup, X509Store, X509StoreBuilder};
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509Crl, X509PurposeId, X509StoreContext};
use wa_db_lab::pki::{Ca, CaSpec, Issued, KeyKind, Leaf, Validity, self_signed};

/// X.509 verification results, by OpenSSL's numbers (`x509_vfy.h`).
const OK: i32 = 0;
const UNKNOWN_ISSUER: i32 = 20;
const BAD_SIGNATURE: i32 = 7;
const NOT_YET_VALID: i32 = 9;
const EXPIRED: i32 = 10;
const SELF_SIGNED: i32 = 18;
const REVOKED: i32 = 23;
const PURPOSE: i32 = 26;
const NOT_PERMITTED: i32 = 47;
const EXCLUDED: i32 = 48;
const HOSTNAME: i32 = 62;
const WEAK_KEY: i32 = 66;
const WEAK_SIGNATURE: i32 = 68;

const HOST: &str = "db.example.lab";

fn good() -> Leaf {
    Leaf::server().cn(HOST).dns(HOST).ip("127.0.0.1").ip("::1")
}

#[test]
fn leaf_of_each_shape_gets_the_verdict_its_shape_names() {
    let ca = Ca::root("lab root");
    let of = |leaf: Leaf| ca.issue(&leaf);
    let unsigned = good().without_key_identifiers();
    let impostor = ca.impostor();
    let permits = CaSpec::new("permits").permit_dns("other").root();
    let excludes = CaSpec::new("excludes").exclude_dns("lab").root();
    let table = [
        ("good", &ca, of(good()), OK),
        ("cn only", &ca, of(Leaf::server().cn(HOST)), OK),
        ("other cn", &ca, of(Leaf::server().cn("else.lab")), HOSTNAME),
        ("no names", &ca, of(Leaf::server()), HOSTNAME),
        ("unit only", &ca, of(Leaf::server().ou(HOST)), HOSTNAME),
        ("wildcard", &ca, of(Leaf::server().dns("*.example.lab")), OK),
        ("expired", &ca, of(good().expired()), EXPIRED),
        ("early", &ca, of(good().not_yet_valid()), NOT_YET_VALID),
        ("purpose", &ca, of(good().client_auth_only()), PURPOSE),
        ("impostor", &ca, impostor.issue(&good()), UNKNOWN_ISSUER),
        ("forged", &ca, impostor.issue(&unsigned), BAD_SIGNATURE),
        ("self-signed", &ca, self_signed(&good()), SELF_SIGNED),
        ("sha-1", &ca, of(good().signed_with_sha1()), WEAK_SIGNATURE),
        (
            "rsa 1024",
            &ca,
            of(good().key_kind(KeyKind::Rsa1024)),
            WEAK_KEY,
        ),
        ("rsa 2048", &ca, of(good().key_kind(KeyKind::Rsa2048)), OK),
        ("p-384", &ca, of(good().key_kind(KeyKind::EcP384)), OK),
        ("ed25519", &ca, of(good().key_kind(KeyKind::Ed25519)), OK),
        (
            "not permitted",
            &permits,
            permits.issue(&good()),
            NOT_PERMITTED,
        ),
        ("excluded", &excludes, excludes.issue(&good()), EXCLUDED),
    ];
    for (name, root, leaf, expected) in table {
        assert_eq!(verdict(&store(root), &leaf), expected, "{name}");
    }
}

#[test]
fn sha1_leaf_of_an_rsa_ca_verifies_where_weak_signatures_are_allowed() {
    for kind in [KeyKind::Rsa2048, KeyKind::EcP256] {
        let ca = CaSpec::new("old root").key_kind(kind).root();
        let leaf = ca.issue(&good().signed_with_sha1()).x509();
        let key = ca.as_issued().x509().public_key().unwrap();
        assert!(leaf.verify(&key).unwrap(), "{kind:?}");
        let algorithm = leaf.signature_algorithm().object().nid();
        let expected = match kind {
            KeyKind::Rsa2048 => Nid::SHA1WITHRSAENCRYPTION,
            _ => Nid::ECDSA_WITH_SHA1,
        };
        assert_eq!(algorithm, expected);
    }
}

#[test]
fn leaf_of_an_intermediate_needs_the_intermediate_and_the_chain_carries_it() {
    let root = Ca::root("lab root");
    let leaf = root
        .intermediate("upper")
        .intermediate("lower")
        .issue(&good());
    let chain = X509::stack_from_pem(leaf.chain_pem().as_bytes()).unwrap();
    assert_eq!(chain.len(), 3, "leaf and two intermediates, no root");
    assert_eq!(verdict(&store(&root), &leaf), OK);
    assert_eq!(verdict(&store(&root), &leaf.leaf_only()), UNKNOWN_ISSUER);
}

#[test]
fn expired_ca_fails_its_leaf() {
    let ca = CaSpec::new("old").validity(Validity::expired()).root();
    assert_eq!(verdict(&store(&ca), &ca.issue(&good())), EXPIRED);
}

#[test]
fn revocation_list_names_the_revoked_certificate_and_no_other() {
    let ca = Ca::root("lab root");
    let (revoked, other) = (ca.issue(&good()), ca.issue(&good()));
    let list = ca.crl_pem(&[&revoked]);
    let crl = X509Crl::from_pem(list.as_bytes()).unwrap();
    assert!(crl.verify(ca.key().pkey()).unwrap());
    assert_eq!(verdict(&store_with_list(&ca, &list), &revoked), REVOKED);
    assert_eq!(verdict(&store_with_list(&ca, &list), &other), OK);
}

#[test]
fn renewed_certificate_keeps_the_pin_and_takes_a_new_serial() {
    let ca = Ca::root("lab root");
    let first = ca.issue(&good());
    let renewed = ca.issue(&good().key(first.key()));
    assert_eq!(first.spki_sha256(), renewed.spki_sha256());
    assert_ne!(first.serial(), renewed.serial());
}

#[test]
fn subject_is_spelt_as_mysql_spells_it() {
    let ca = Ca::root("lab root");
    let client = ca.issue(&Leaf::client().ou("lab").cn("app"));
    assert_eq!(client.subject_line(), "/OU=lab/CN=app");
    assert_eq!(client.issuer_line(), "/CN=lab root");
}

#[test]
fn written_files_have_the_mode_of_their_kind() {
    let dir = tempfile::tempdir().unwrap();
    let issued = Ca::root("lab root").issue(&good());
    let (chain, key) = (dir.path().join("chain.pem"), dir.path().join("key.pem"));
    issued.write_chain(&chain);
    issued.write_key(&key);
    for (path, mode) in [(chain, 0o644), (key, 0o600)] {
        let found = path.metadata().unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{}", path.display());
    }
}

fn store(root: &Ca) -> X509Store {
    builder(root).build()
}

fn store_with_list(root: &Ca, list: &str) -> X509Store {
    let mut builder = builder(root);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), list).unwrap();
    builder
        .add_lookup(X509Lookup::file())
        .unwrap()
        .load_crl_file(file.path(), SslFiletype::PEM)
        .unwrap();
    builder.set_flags(X509VerifyFlags::CRL_CHECK).unwrap();
    builder.build()
}

/// Judges as a TLS client of today does: server purpose, host name, security level 2.
fn builder(root: &Ca) -> X509StoreBuilder {
    let mut param = X509VerifyParam::new().unwrap();
    param.set_host(HOST).unwrap();
    param.set_purpose(X509PurposeId::SSL_SERVER).unwrap();
    param.set_auth_level(2);
    let mut builder = X509StoreBuilder::new().unwrap();
    builder.add_cert(root.as_issued().x509()).unwrap();
    builder.set_param(&param).unwrap();
    builder
}

fn verdict(store: &X509Store, issued: &Issued) -> i32 {
    let mut above = Stack::new().unwrap();
    let chain = X509::stack_from_pem(issued.chain_pem().as_bytes()).unwrap();
    for certificate in chain.into_iter().skip(1) {
        above.push(certificate).unwrap();
    }
    let mut context = X509StoreContext::new().unwrap();
    let result = context.init(store, &issued.x509(), &above, |context| {
        context.verify_cert()?;
        Ok(context.error().as_raw())
    });
    result.unwrap()
}
