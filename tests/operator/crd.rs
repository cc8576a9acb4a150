//! Generated files are current.

use ivschat_core::api::manifest;

#[test]
fn the_committed_crd_is_what_the_types_give() {
    let root = env!("CARGO_MANIFEST_DIR");
    for copy in [
        "crds/chatrooms.yaml",
        "charts/ivschat-operator/files/chatrooms.yaml",
    ] {
        let committed = std::fs::read_to_string(format!("{root}/{copy}")).unwrap();
        assert_eq!(
            committed,
            manifest().unwrap(),
            "{copy} is stale: run `make generate`"
        );
    }
}

#[test]
fn the_program_prints_the_same_manifest() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_ivschat-operator"))
        .arg("crds")
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        manifest().unwrap()
    );
}
