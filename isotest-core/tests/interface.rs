//! The public interface is the one that is kept in `interface.txt`: whoever changes it sees what others see of it.

use libtest_mimic::{Arguments, Failed, Trial};
use public_api::Builder;
use snapbox::Data;
use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// Name of the variable with the path of the crate's documentation as JSON, which `ci/check interface` lets rustdoc write.
const JSON: &str = "INTERFACE_JSON";

fn main() -> ExitCode {
    let json = env::var_os(JSON);
    let is_ignored = json.is_none();
    let check = move || is_kept(json.unwrap_or_default());
    let trial = Trial::test("the_interface_is_the_one_that_is_kept", check).with_ignored_flag(is_ignored);
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit_code()
}

fn is_kept(json: OsString) -> Result<(), Failed> {
    // What a type has by rule is no decision of this crate, and lists of it change with the standard library.
    let interface = Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true);
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interface.txt");
    let kept = Data::read_from(&kept, None).raw();
    snapbox::Assert::new().action_env("SNAPSHOTS").try_eq(
        None,
        interface.build()?.to_string().into(),
        kept,
    )?;
    Ok(())
}
