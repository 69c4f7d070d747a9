//! What must hold for certificates, which others make; see `crate::fuzzing`.

use super::validity::Validity;

/// Any bytes are a certificate with two dates, or none.
pub(crate) fn certificate(input: &[u8]) {
    if let Some(validity) = Validity::of_certificate(input) {
        let _ = format!("{} {}", validity.not_before, validity.not_after);
    }
}
