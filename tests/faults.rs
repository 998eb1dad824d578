//! Each fault and attack that callers can come up with has tests by name: `faults.toml` says which.

use std::collections::BTreeMap;
use std::process::Command;

#[test]
fn each_fault_has_tests_that_are_there() {
    let listed = Command::new(std::env::current_exe().unwrap()).arg("--list").output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let tests: Vec<_> = listed.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    assert!(tests.contains(&"faults::each_fault_has_tests_that_are_there"));
    let faults: BTreeMap<String, BTreeMap<String, Vec<String>>> = toml::from_str(include_str!("faults.toml")).unwrap();
    for (fault, named) in faults.values().flatten() {
        assert!(!named.is_empty(), "{fault}: nothing holds that");
        for test in named {
            assert!(tests.contains(&test.as_str()), "{fault}: there is no test {test}");
        }
    }
}
