//! Closures keep the variables of their own turn of a loop, however the turn ended.

use super::default_of;

/// What `made`'s functions return after `code` has run.
async fn made(code: &str) -> serde_json::Value {
    let code = format!(
        "export default async () => {{ const made = []; {code}; return made.map((f) => f()) }}"
    );
    default_of(&code).await.unwrap()
}

#[tokio::test]
async fn a_block_left_by_an_exception_leaves_its_variables_to_its_closures() {
    for turn in [
        "try { const o = { n }; made.push(() => o.n); throw 1 } catch {}",
        "try { { let o = n; { made.push(() => o); null.x } } } catch {}",
        "try { const o = n; made.push(() => o); await Promise.reject(1) } catch {}",
        "try { const o = n; made.push(eval('() => o')); throw 1 } catch {}",
        "try { switch (n) { default: let o = n; made.push(() => o); throw 1 } } catch {}",
        "try { class A { static n = n; static get() { return A.n } } made.push(() => A.get()); throw 1 } catch {}",
        // Functions of the block see its variables of this turn.
        "try { let o = 0; function f() { return g() } function g() { return o } made.push(f); o = n; throw 1 } catch {}",
        // The variables of a catch clause.
        "try { try { throw n } catch (o) { made.push(() => o); throw 1 } } catch {}",
        "try { try { throw { o: n } } catch ({ o }) { made.push(() => o); throw 1 } } catch {}",
        // Ways out through `finally`.
        "try { const o = n; made.push(() => o); return [] } finally { continue }",
        "try { try { const o = n; made.push(() => o); throw 1 } finally { null } } catch { continue }",
    ] {
        let code = format!("for (const n of [1, 2, 3]) {{ {turn} }}");
        assert_eq!(made(&code).await, serde_json::json!([1, 2, 3]), "{turn}");
    }
}

#[tokio::test]
async fn what_is_shared_stays_shared() {
    let within = "for (const n of [1, 11]) {
        try { let o = n; const up = () => { o++ }; made.push(() => o); up(); o++; throw 1 } catch {}
    }";
    assert_eq!(made(within).await, serde_json::json!([3, 13]));
    let around = "let sum = 0; for (const n of [1, 2]) { try { sum += n; made.push(() => sum); throw 1 } catch {} }";
    assert_eq!(made(around).await, serde_json::json!([3, 3]));
    let thrown_into = "const turns = function* () {
        for (const n of [1, 2]) { try { const o = n; made.push(() => o); yield } catch {} }
    }();
    turns.next(); turns.throw(1); turns.throw(1)";
    assert_eq!(made(thrown_into).await, serde_json::json!([1, 2]));
}
