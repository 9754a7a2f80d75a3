//! The checks of a validation, as text.

use bucketry_model::diagnosis::Check;

/// Lists the checks with their durations, and below a failed one what to change.
pub(crate) fn checks_text(checks: &[Check]) -> String {
    let mut lines = Vec::new();
    for check in checks {
        let mark = if check.ok { "✓" } else { "✗" };
        let name = format!("{:?}", check.name).to_lowercase();
        lines.push(format!("{mark} {name:<12} {:>6} ms  {}", check.latency_ms, check.message));
        if let Some(code) = check.error_code {
            lines.push(format!("{:25}{}", "", code.as_str()));
        }
        if let Some(hint) = &check.hint {
            lines.push(format!("{:25}→ {hint}", ""));
        }
    }
    let passed = checks.iter().filter(|check| check.ok).count();
    lines.push(format!("{passed} of {} checks passed", checks.len()));
    lines.join("\n")
}
