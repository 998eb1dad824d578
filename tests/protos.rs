//! The checks of the build, fed with protos that are wrong in one way each, and with the real ones.

use std::path::{Path, PathBuf};

use landlord::authz::policy;
use landlord::proto::DESCRIPTORS;
use prost_reflect::DescriptorPool;

#[path = "../build.rs"]
#[allow(clippy::print_stdout, reason = "a build script speaks to cargo that way")]
mod build;

fn bad_protos() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/protos/bad");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// What the build says of the proto.
fn verdict(file: &Path) -> Result<(), String> {
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let descriptors =
        build::describe(&[file.to_owned()], &[file.parent().unwrap(), &real]).map_err(|e| e.to_string())?;
    let pool = DescriptorPool::decode(descriptors.as_slice()).map_err(|e| e.to_string())?;
    build::policies(&pool).map(|_| ()).map_err(|e| e.to_string())
}

#[test]
fn every_bad_proto_is_refused_with_the_method_and_the_mistake_that_its_first_line_says() {
    let files = bad_protos();
    assert!(files.len() >= 19, "there is one for each check of build.rs");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let wanted = text.lines().next().unwrap().strip_prefix("// Refused: ").expect("the first line says why");
        assert_eq!(verdict(&file), Err(wanted.to_owned()), "{}", file.display());
    }
}

#[test]
fn a_bad_proto_is_accepted_once_its_mistake_is_mended() {
    let bad = bad_protos().into_iter().find(|f| f.ends_with("no_access.proto")).unwrap();
    let text = std::fs::read_to_string(bad).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mended = folder.path().join("mended.proto");
    std::fs::write(&mended, text.replace("effect:", "access: ACCESS_AUTHENTICATED\n effect:")).unwrap();
    assert_eq!(verdict(&mended), Ok(()));
}

#[test]
fn the_real_protos_pass_and_each_of_their_methods_has_a_row_in_the_policy_table() {
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    build::policies(&pool).map(|_| ()).unwrap();
    let services = pool.services().filter(|service| service.package_name() == "landlord.v1");
    let mut paths: Vec<_> = services
        .flat_map(|s| s.methods().map(|m| format!("/{}/{}", s.full_name(), m.name())).collect::<Vec<_>>())
        .collect();
    let mut listed: Vec<_> = policy::ALL.iter().map(|policy| policy.path.to_owned()).collect();
    paths.sort();
    listed.sort();
    assert!(!paths.is_empty());
    assert_eq!(listed, paths);
}
