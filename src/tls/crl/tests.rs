//! Revocation lists as files and directories have them.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::symlink;

use openssl::base64;
use wa_db_lab::pki::{Ca, write_file};

use super::*;

fn der(pem: &str) -> Vec<u8> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    base64::decode_block(&lines.collect::<String>()).unwrap()
}

fn load(path: &Path) -> Result<(usize, usize), ErrorCode> {
    let (lists, warnings) = RevocationLists::load(path, CrlStale::Refuse).map_err(|fault| {
        assert_eq!(fault.variable, VARIABLE);
        assert!(fault.message.starts_with(VARIABLE), "{}", fault.message);
        fault.code
    })?;
    let count = lists.files.iter().map(|file| file.lists.len()).sum();
    Ok((count, warnings.len()))
}

#[test]
fn every_list_of_a_file_is_read_and_anything_that_is_none_is_a_fault() {
    let (one, other) = (Ca::root("one"), Ca::root("other"));
    let (list, second) = (one.crl_pem(&[]), other.crl_pem(&[]));
    let half = &second[..second.len() / 2];
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("crl");
    let invalid = Err(ErrorCode::CertificateInvalid);
    for (content, expected) in [
        (list.clone().into_bytes(), Ok((1, 0))),
        (der(&list), Ok((1, 0))),
        (format!("{list}text\n{second}").into_bytes(), Ok((2, 0))),
        (format!("{}{list}", one.cert_pem()).into_bytes(), Ok((1, 0))),
        (one.ended_crl_pem(&[]).into_bytes(), Ok((1, 1))),
        (Vec::new(), invalid),
        (b"garbage".to_vec(), invalid),
        (one.cert_pem().into_bytes(), invalid),
        (one.as_issued().key_pem().into_bytes(), invalid),
        (format!("{list}{half}").into_bytes(), invalid),
        (
            list.replace("X509 CRL", "CERTIFICATE").into_bytes(),
            invalid,
        ),
        (
            one.cert_pem()
                .replace("CERTIFICATE", "X509 CRL")
                .into_bytes(),
            invalid,
        ),
    ] {
        write_file(&file, &content);
        let shown = String::from_utf8_lossy(&content);
        assert_eq!(load(&file), expected, "{shown}");
    }
    fs::remove_file(&file).unwrap();
    assert_eq!(load(&file), Err(ErrorCode::FileMissing));
}

#[test]
fn a_directory_is_read_by_the_names_that_rehash_gives() {
    let (one, other) = (Ca::root("one"), Ca::root("other"));
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    write_file(&path("one.pem"), one.crl_pem(&[]));
    let unnamed = load(directory.path());
    assert_eq!(unnamed, Err(ErrorCode::CertificateInvalid));

    symlink("one.pem", path("0123abcd.r0")).unwrap();
    write_file(&path("0123abcd.r1"), der(&other.crl_pem(&[])));
    write_file(&path("0123abcd.0"), one.cert_pem());
    assert_eq!(load(directory.path()), Ok((2, 0)));

    write_file(&path("4567abcd.r0"), "garbage");
    let spoilt = load(directory.path());
    assert_eq!(spoilt, Err(ErrorCode::CertificateInvalid));
    fs::remove_file(path("4567abcd.r0")).unwrap();
    symlink("nowhere", path("4567abcd.r0")).unwrap();
    assert_eq!(load(directory.path()), Err(ErrorCode::FileMissing));
}

#[test]
fn only_names_of_hashed_lists_are_taken_from_a_directory() {
    for (name, is_list) in [
        ("0123abcd.r0", true),
        ("0123ABCD.r12", true),
        ("0123abcd.0", false),
        ("0123abcd.r", false),
        ("0123abcd.rx", false),
        ("0123abc.r0", false),
        ("0123abcg.r0", false),
        ("crl.pem", false),
    ] {
        assert_eq!(is_hashed_list(name), is_list, "{name}");
    }
}

#[test]
fn a_file_that_shrinks_before_openssl_reads_it_is_a_fault() {
    let ca = Ca::root("shrinks");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("crl.pem");
    write_file(&file, ca.crl_pem(&[]) + &Ca::root("second").crl_pem(&[]));
    let (lists, _) = RevocationLists::load(&file, CrlStale::Refuse).unwrap();
    let add = || {
        let mut store = openssl::x509::store::X509StoreBuilder::new().unwrap();
        lists.add_to(&mut store).map_err(Fault::from)
    };
    assert_eq!(add(), Ok(()));
    write_file(&file, ca.crl_pem(&[]));
    assert!(add().unwrap_err().message.contains("changed"));
    fs::remove_file(&file).unwrap();
    assert_eq!(add().unwrap_err().variable, VARIABLE);
}

#[test]
fn the_last_end_of_an_issuers_lists_is_told() {
    let ca = Ca::root("two lists");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("crl.pem");
    let end = |content: String| {
        write_file(&file, content);
        let (lists, warnings) = RevocationLists::load(&file, CrlStale::Warn).unwrap();
        assert!(
            warnings
                .iter()
                .all(|warning| warning.message.contains("is unknown"))
        );
        let end = lists.end_of(ca.as_issued().x509().subject_name());
        (end.unwrap(), warnings.len())
    };
    let (ended, warnings) = end(ca.ended_crl_pem(&[]));
    assert_eq!(warnings, 1);
    assert!(ended.contains("the list of CN=two lists"), "{ended}");
    let (current, warnings) = end(ca.ended_crl_pem(&[]) + &ca.crl_pem(&[]));
    assert_eq!(warnings, 1);
    assert!(current > ended, "{current} after {ended}");
}

#[test]
fn a_list_is_of_the_ca_whose_name_and_key_it_has() {
    let ca = Ca::root("one name");
    let leaf = ca
        .issue(&wa_db_lab::pki::Leaf::server().dns("db.lab"))
        .x509();
    let issuer = ca.as_issued().x509();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("crl.pem");
    for (list, is_of_it) in [
        (ca.crl_pem(&[]), true),
        (ca.ended_crl_pem(&[]), true),
        (ca.impostor().crl_pem(&[]), false),
        (Ca::root("another name").crl_pem(&[]), false),
    ] {
        write_file(&file, list);
        let (lists, _) = RevocationLists::load(&file, CrlStale::Warn).unwrap();
        assert_eq!(lists.has_list_for(&leaf, Some(&issuer)), is_of_it);
        let mut stack = openssl::stack::Stack::new().unwrap();
        stack.push(leaf.clone()).unwrap();
        stack.push(issuer.clone()).unwrap();
        let told = lists.missing(&Chain::from(&*stack));
        assert_eq!(told.is_empty(), is_of_it, "{told:?}");
        let names_it = |what: &String| what.contains("is of CN=one name");
        assert!(told.iter().all(names_it), "{told:?}");
        assert!(lists.missing(&Chain::default()).is_empty());
    }
}

/// A list with an extension that `openssl ca` knows by this line.
fn list_with(extension: &str) -> Vec<u8> {
    let ca = Ca::root("partial");
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    write_file(&path("ca.pem"), ca.cert_pem());
    write_file(&path("ca.key"), ca.key().pkcs8_pem());
    write_file(&path("index"), "");
    let config = format!(
        "[ca]\ndefault_ca = lab\n[lab]\ndatabase = index\ndefault_md = sha256\n\
         default_crl_days = 7\ncrl_extensions = of_list\n[of_list]\n{extension}\n\
         [point]\nonlysomereasons = keyCompromise\n[several]\nindirectCRL = TRUE\n\
         [attributes]\nonlyAA = TRUE\n[users]\nonlyuser = TRUE\n"
    );
    write_file(&path("config"), config);
    let mut command = std::process::Command::new("openssl");
    command.current_dir(directory.path()).args([
        "ca", "-config", "config", "-gencrl", "-cert", "ca.pem", "-keyfile", "ca.key", "-out",
        "list.pem",
    ]);
    let finished =
        wa_db_lab::run::finish(&mut command, "", std::time::Duration::from_secs(60)).unwrap();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    fs::read(path("list.pem")).unwrap()
}

#[test]
fn a_list_that_is_only_a_part_is_a_fault() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("crl.pem");
    for (extension, part) in [
        ("issuingDistributionPoint = critical,@point", "some reasons"),
        ("issuingDistributionPoint = critical,@several", "indirect"),
        (
            "issuingDistributionPoint = critical,@attributes",
            "attribute",
        ),
        ("2.5.29.27 = critical,DER:02:01:01", "delta"),
        ("issuingDistributionPoint = critical,@users", ""),
    ] {
        write_file(&file, list_with(extension));
        let loaded = RevocationLists::load(&file, CrlStale::Refuse).map(drop);
        match loaded {
            Ok(()) => assert_eq!(part, "", "{extension}"),
            Err(fault) => {
                assert_eq!(fault.variable, VARIABLE);
                assert!(
                    !part.is_empty() && fault.message.contains(part),
                    "{}",
                    fault.message
                );
            }
        }
    }
}
