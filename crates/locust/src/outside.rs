//! What stands outside of users and shapes, and has no place in a plan: listeners, and what the
//! module does when it is read.

use ruff_python_ast::{Expr, ModModule, Stmt};
use seaworthy_document::Finding;

use crate::findings::Findings;
use crate::interpreter::Interpreter;
use crate::module::Module;
use crate::source::Source;
use crate::value::Value;

/// Says what is left out.
pub(crate) fn told<'a>(
    source: &Source<'_>,
    module: &Module<'a>,
    body: &'a ModModule,
    findings: &mut Findings,
) {
    for statement in &body.body {
        match statement {
            Stmt::FunctionDef(function) => {
                for decorator in &function.decorator_list {
                    let expression = match &decorator.expression {
                        Expr::Call(call) => call.func.as_ref(),
                        other => other,
                    };
                    if is_event(source, module, expression) {
                        let reason = format!("the listener `{}` is not in the plan", function.name);
                        let finding = Finding::warning("locust-listener", reason)
                            .hint(listener_hint(source, expression));
                        findings.push(finding.at(source.place(decorator)));
                    }
                }
            }
            Stmt::Expr(it) => {
                let Expr::Call(call) = it.value.as_ref() else { continue };
                let (code, hint) = match is_event(source, module, &call.func) {
                    true => ("locust-listener", listener_hint(source, &call.func)),
                    false => ("locust-module", "what prepares the service goes under `setup`"),
                };
                let path = match known(source, module, &call.func) {
                    Some(path) => path,
                    None => source.quote(call.func.as_ref()),
                };
                if ["print", "logging", "warnings", "urllib3", "gevent"]
                    .contains(&path.split('.').next().unwrap_or(""))
                {
                    continue;
                }
                let reason = format!("`{}` is not done", source.quote(statement));
                findings
                    .push(Finding::warning(code, reason).at(source.place(statement)).hint(hint));
            }
            Stmt::For(_) | Stmt::While(_) => {
                let reason = "a loop at the top of the file is not followed";
                let hint = "write out what it computes";
                findings.push(
                    Finding::warning("locust-module", reason)
                        .at(source.place(statement))
                        .hint(hint),
                );
            }
            _ => {}
        }
    }
}

fn listener_hint(source: &Source<'_>, expression: &Expr) -> &'static str {
    let text = source.quote(expression);
    if text.contains("quitting") || text.contains("quit") {
        "what decides how the run ends goes under `objectives`"
    } else if text.contains("test_start") || text.contains("init") {
        "what prepares the service goes under `setup`"
    } else if text.contains("test_stop") {
        "what cleans up goes under `teardown`"
    } else {
        "a plan has no listeners; what they measure is in the trial's timeline"
    }
}

fn is_event<'a>(source: &Source<'_>, module: &Module<'a>, expression: &'a Expr) -> bool {
    known(source, module, expression).is_some_and(|path| path.starts_with("locust.events"))
        || source.quote(expression).ends_with(".add_listener")
}

fn known<'a>(source: &Source<'_>, module: &Module<'a>, expression: &'a Expr) -> Option<String> {
    let mut unheard = Findings::default();
    match Interpreter::for_constants(source, module, &mut unheard).eval(expression, "value") {
        Value::Known(path) => Some(path),
        _ => None,
    }
}
