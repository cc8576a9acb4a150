//! The real clients of AWS's other languages, boto3 and the AWS CLI: the suite in `clients/`, run with pytest.

#![allow(missing_docs, clippy::expect_used, reason = "tests")]

use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn boto3_and_the_aws_cli_find_what_they_find_at_aws() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace around the emulator");

    let clients = Command::new(repository.join("hack/clients"))
        .stderr(Stdio::inherit())
        .output()
        .expect("bash, to run hack/clients");
    assert!(clients.status.success(), "hack/clients: {}", clients.status);
    let clients = String::from_utf8(clients.stdout).expect("a path in UTF-8");

    let suite = Command::new(Path::new(clients.trim_end()).join("bin/python"))
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .arg("emulator/tests/clients")
        .current_dir(repository)
        .env("IVSCHAT_EMULATOR", env!("CARGO_BIN_EXE_ivschat-emulator"))
        // The suite stands among the sources.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .status()
        .expect("the Python of hack/clients");
    assert!(suite.success(), "pytest: {suite}");
}
