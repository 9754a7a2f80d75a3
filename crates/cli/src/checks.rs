//! The checks of a validation, as text.

use bucketry_model::diagnosis::Check;

/// Lists the checks with their durations, and below a failed one what to change.
pub(crate) fn checks_text(checks: &[Check]) -> String {
    let mut lines: Vec<String> = checks.iter().map(check_text).collect();
    lines.push(summary(checks));
    lines.join("\n")
}

/// One check with its duration, and below it what to change if it failed.
pub(crate) fn check_text(check: &Check) -> String {
    let mark = if check.ok { "✓" } else { "✗" };
    let name = format!("{:?}", check.name).to_lowercase();
    let mut lines = vec![format!("{mark} {name:<12} {:>6} ms  {}", check.latency_ms, check.message)];
    if let Some(code) = check.error_code {
        lines.push(format!("{:25}{}", "", code.as_str()));
    }
    if let Some(hint) = &check.hint {
        lines.push(format!("{:25}→ {hint}", ""));
    }
    lines.join("\n")
}

/// How many checks passed.
pub(crate) fn summary(checks: &[Check]) -> String {
    let passed = checks.iter().filter(|check| check.ok).count();
    format!("{passed} of {} checks passed", checks.len())
}

/// What is wrong and what to change, for the checks that failed.
pub(crate) fn failed_checks_text(checks: &[Check]) -> String {
    let failed = checks.iter().filter(|check| !check.ok);
    let text = |check: &Check| match &check.hint {
        Some(hint) => format!("{} → {hint}", check.message),
        None => check.message.clone(),
    };
    failed.map(text).collect::<Vec<_>>().join("\n  ")
}
