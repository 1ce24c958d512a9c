//! Signatures and keys that rcgen rightly refuses to make.

use openssl::hash::MessageDigest;
use openssl::rsa::Padding;
use openssl::sign::Signer;

use super::Key;

/// Whole `AlgorithmIdentifier`s: `ecdsa-with-SHA1` and `ecdsa-with-SHA256` (RFC 3279, RFC 5758), and of
/// RSA (RFC 8017) `md5WithRSAEncryption`, `sha1WithRSAEncryption`, `sha256WithRSAEncryption` and
/// `id-RSASSA-PSS` with no parameter set, which means SHA-1. Those of PKCS #1 1.5 carry a NULL, those
/// of ECDSA must not.
const ECDSA_SHA1: &[u8] = b"\x30\x09\x06\x07\x2a\x86\x48\xce\x3d\x04\x01";
const ECDSA_SHA256: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
const RSA_MD5: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04\x05\x00";
const RSA_SHA1: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05\x05\x00";
const RSA_SHA256: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00";
const RSA_PSS: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x00";

/// What a certificate is signed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// MD5, with which only RSA keys sign.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-1 with the padding of RSA-PSS, which says so by saying nothing. RSA keys only.
    PssSha1,
    /// SHA-256, as it is done today.
    Sha256,
}

/// Signs a certificate again with its issuer's key, over another digest, or for another key: the
/// DER of its `SubjectPublicKeyInfo`.
///
/// A certificate is `SEQUENCE { tbs, algorithm, signature }` and names the algorithm a second
/// time as the third field of `tbs`, after version and serial number; issuer, validity and subject
/// come before the key. All else stays as it is.
pub(super) fn resign(der: &[u8], issuer: &Key, digest: Digest, key: Option<&[u8]>) -> Vec<u8> {
    let algorithm = match (issuer.pkey().id(), digest) {
        (openssl::pkey::Id::RSA, Digest::Md5) => RSA_MD5,
        (openssl::pkey::Id::RSA, Digest::Sha1) => RSA_SHA1,
        (openssl::pkey::Id::RSA, Digest::PssSha1) => RSA_PSS,
        (openssl::pkey::Id::RSA, Digest::Sha256) => RSA_SHA256,
        (openssl::pkey::Id::EC, Digest::Sha1) => ECDSA_SHA1,
        (openssl::pkey::Id::EC, Digest::Sha256) => ECDSA_SHA256,
        other => panic!("no such signature exists: {other:?}"),
    };
    let (certificate, _) = split(der);
    let (tbs, _) = split(certificate.content);
    let (version, rest) = split(tbs.content);
    let (serial, rest) = split(rest);
    let (_, rest) = split(rest);
    let (issued_by, rest) = split(rest);
    let (validity, rest) = split(rest);
    let (subject, rest) = split(rest);
    let (own_key, extensions) = split(rest);

    let names = [issued_by.whole, validity.whole, subject.whole].concat();
    let key = key.unwrap_or(own_key.whole);
    let (version, serial) = (version.whole, serial.whole);
    let tbs = sequence(&[version, serial, algorithm, &names, key, extensions]);
    // A bit string opens with the number of unused bits at its end, none here.
    let signature = tagged(0x03, &[&[0], &sign(&tbs, issuer, digest)]);
    sequence(&[&tbs, algorithm, &signature])
}

fn sign(tbs: &[u8], issuer: &Key, digest: Digest) -> Vec<u8> {
    let hash = match digest {
        Digest::Md5 => MessageDigest::md5(),
        Digest::Sha1 | Digest::PssSha1 => MessageDigest::sha1(),
        Digest::Sha256 => MessageDigest::sha256(),
    };
    let mut signer = Signer::new(hash, issuer.pkey()).unwrap();
    if digest == Digest::PssSha1 {
        signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
        let salt = openssl::sign::RsaPssSaltlen::custom(20);
        signer.set_rsa_pss_saltlen(salt).unwrap();
    }
    signer.sign_oneshot_to_vec(tbs).unwrap()
}

struct Element<'a> {
    whole: &'a [u8],
    content: &'a [u8],
}

/// Takes the first DER element off the front and returns it with what follows.
fn split(der: &[u8]) -> (Element<'_>, &[u8]) {
    let (header, length) = match der[1] {
        short @ 0..0x80 => (2, usize::from(short)),
        long => {
            let count = usize::from(long & 0x7f);
            let digits = der[2..2 + count].iter();
            let length = digits.fold(0, |length, digit| (length << 8) | usize::from(*digit));
            (2 + count, length)
        }
    };
    let (whole, rest) = der.split_at(header + length);
    let content = &whole[header..];
    (Element { whole, content }, rest)
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tagged(0x30, parts)
}

fn tagged(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut element = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => element.push(short),
        _ => {
            let digits = content.len().to_be_bytes();
            let zeros = digits.iter().take_while(|digit| **digit == 0).count();
            let digits = &digits[zeros..];
            element.push(0x80 | u8::try_from(digits.len()).expect("a length has few digits"));
            element.extend(digits);
        }
    }
    element.extend(content);
    element
}
