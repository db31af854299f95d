//! The program: everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    match mj_enhance::cli::main() {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(report) => {
            eprintln!("mj-enhance: {report:?}");
            ExitCode::from(mj_enhance::cli::Exit::BadInput.code())
        }
    }
}
