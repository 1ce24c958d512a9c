//! Signatures that rcgen rightly refuses to make.

use openssl::hash::MessageDigest;
use openssl::sign::Signer;

use super::Key;

/// `ecdsa-with-SHA1` (RFC 3279) and `sha1WithRSAEncryption` (RFC 8017) as whole
/// `AlgorithmIdentifier`s; the latter carries a NULL, the former must not.
const ECDSA_SHA1: &[u8] = b"\x30\x09\x06\x07\x2a\x86\x48\xce\x3d\x04\x01";
const RSA_SHA1: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05\x05\x00";

/// Signs a certificate again, over SHA-1, with its issuer's key.
///
/// A certificate is `SEQUENCE { tbs, algorithm, signature }` and names the algorithm a second
/// time as the third field of `tbs`, after version and serial number. All else stays as it is.
pub(super) fn resign_with_sha1(der: &[u8], issuer: &Key) -> Vec<u8> {
    let algorithm = match issuer.pkey().id() {
        openssl::pkey::Id::RSA => RSA_SHA1,
        openssl::pkey::Id::EC => ECDSA_SHA1,
        other => panic!("no SHA-1 signature exists for keys of kind {other:?}"),
    };
    let (certificate, _) = split(der);
    let (tbs, _) = split(certificate.content);
    let (version, rest) = split(tbs.content);
    let (serial, rest) = split(rest);
    let (_, rest) = split(rest);

    let tbs = sequence(&[version.whole, serial.whole, algorithm, rest]);
    let mut signer = Signer::new(MessageDigest::sha1(), issuer.pkey()).unwrap();
    let signature = signer.sign_oneshot_to_vec(&tbs).unwrap();
    // A bit string opens with the number of unused bits at its end, none here.
    let signature = tagged(0x03, &[&[0], &signature]);
    sequence(&[&tbs, algorithm, &signature])
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
