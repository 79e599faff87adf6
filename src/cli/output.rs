use std::fmt;
use std::io;

/// Writes to standard output. A reader that has gone, as in `geophone modules | head`, has all
/// that it wanted.
///
/// # Errors
///
/// It cannot be written to for another reason.
pub fn print(text: &[u8]) -> io::Result<()> {
    match write(&mut io::stdout().lock(), text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes a line to standard error. Where even that fails there is nobody to tell.
pub fn complain(line: impl fmt::Display) {
    let _ = write(&mut io::stderr().lock(), format!("{line}\n").as_bytes());
}

fn write(out: &mut impl io::Write, text: &[u8]) -> io::Result<()> {
    out.write_all(text)?;
    out.flush()
}
