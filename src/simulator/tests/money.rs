use proptest::prelude::*;

use super::*;

fn holds(service: &Fixture) {
    let money = service.simulator.money();
    assert_eq!(money.opening, money.remaining + money.reserved + money.charged, "{money:?}");
    let ledger = service.simulator.ledger();
    let open: Amount = ledger.iter().filter(|entry| !entry.settled).map(|entry| entry.reserved).sum();
    let charged: Amount = ledger.iter().map(|entry| entry.charged).sum();
    assert_eq!((money.reserved, money.charged), (open, charged));
    for entry in ledger.iter().filter(|entry| entry.settled) {
        assert!(entry.charged + entry.released >= entry.reserved, "{entry:?}");
    }
}

#[tokio::test]
async fn a_reserve_becomes_a_charge_or_comes_back() {
    let service = Fixture::new("[[rules]]\nat = [2]\nthen = { end = \"failed\" }\n[balance]\naccount = 100\nused = 10").await;
    service.task(1).await;
    service.task(2).await;
    let credits = async || service.get("/v1/credits").await.json();
    let before = credits().await;
    assert_eq!(before["success"], true);
    assert_eq!(before["data"]["user"], json!({"remaining_credits": 89.2, "used_credits": 10.0}));
    assert_eq!(before["data"]["token"]["unlimited_credits"], true);
    holds(&service);
    service.advance(6.0);
    assert_eq!(credits().await["data"]["user"], json!({"remaining_credits": 94.6, "used_credits": 15.4}));
    holds(&service);
    let ledger = service.simulator.ledger();
    assert_eq!((ledger[0].charged.uc(), ledger[0].released.uc()), (54_000, 0));
    assert_eq!((ledger[1].charged.uc(), ledger[1].released.uc()), (0, 54_000));
    assert_eq!(ledger[0].key, Some(key(1)));
    assert_eq!(ledger[0].source, Some(service.draft()));
}

#[tokio::test]
async fn an_empty_account_answers_402() {
    let service = Fixture::new("[balance]\naccount = 10").await;
    service.task(1).await;
    let reply = service.submit(2, &enhance(&service.draft(), 0)).await;
    assert_eq!((reply.status, reply.code().as_str()), (402, "insufficient_user_quota"));
    assert_eq!(reply.json()["error"]["account_balance_credits"], 4.6);
    holds(&service);
}

#[tokio::test]
async fn a_key_has_a_total_and_a_daily_limit() {
    // 10:00 in Shanghai.
    let text = "start_unix = 1790042400\n[balance]\naccount = 1000\nkey = 22\nkey_daily = 11";
    let service = Fixture::new(text).await;
    service.task(1).await;
    service.task(2).await;
    let token = service.get("/v1/credits").await.json()["data"]["token"].clone();
    let wanted = json!({"remaining_credits": 11.2, "used_credits": 0.0, "unlimited_credits": false, "daily_limit_credits": 11.0,
        "daily_used_credits": 10.8, "reset_timezone": "Asia/Shanghai"});
    assert_eq!(token, wanted);
    assert_eq!(service.submit(3, &enhance(&service.draft(), 0)).await.code(), "key_daily_quota_exhausted");
    service.advance(86400.0);
    service.task(4).await;
    service.task(5).await;
    service.advance(86400.0);
    let reply = service.submit(6, &enhance(&service.draft(), 0)).await;
    assert_eq!((reply.status, reply.code().as_str()), (402, "key_quota_exhausted"));
    holds(&service);
}

#[tokio::test]
async fn the_reserve_and_the_charge_can_differ_from_the_price() {
    let text =
        "[[rules]]\nat = [1]\nthen = { reserve = 7.2 }\n[[rules]]\nat = [2]\nthen = { charge = 2.7 }\n[balance]\naccount = 100";
    let service = Fixture::new(text).await;
    let (one, two) = (service.task(1).await, service.task(2).await);
    service.advance(6.0);
    assert_eq!(service.read(&one).await["usage"]["credits_used"], 7.2);
    assert_eq!(service.read(&two).await["usage"]["credits_used"], 2.7);
    assert_eq!(service.simulator.money().remaining, Amount::from_credits(90.1));
    holds(&service);
}

#[tokio::test]
async fn seeded_tasks_were_paid_for_before() {
    let text = "[balance]\naccount = 50\n[[tasks]]\nsource = \"task-unified-1790000000-x\"\nthen = { end = \"failed\" }";
    let service = Fixture::new(text).await;
    assert_eq!(service.simulator.money().remaining, Amount::from_credits(50.0));
    holds(&service);
    service.advance(6.0);
    assert_eq!(service.simulator.money().remaining, Amount::from_credits(55.4));
    assert!(service.simulator.ledger()[0].seeded);
    holds(&service);
}

#[tokio::test]
async fn billing_evidence_has_the_published_fields() {
    let service = Fixture::new("billing = \"honest\"\n[[rules]]\nat = [2]\nthen = { end = \"failed\" }").await;
    let (one, two) = (service.task(1).await, service.task(2).await);
    assert_eq!(service.read(&one).await["billing"]["charge_status"], "reserved");
    service.advance(6.0);
    let charged = service.read(&one).await["billing"].clone();
    assert_eq!((&charged["charge_status"], &charged["charged_credits"]), (&json!("charged"), &json!(5.4)));
    let back = service.read(&two).await["billing"].clone();
    assert_eq!((&back["refund_scope"], &back["charge_status"]), (&json!("account_balance"), &json!("released")));
    assert_eq!((&back["refund_status"], &back["refunded_credits"]), (&json!("completed"), &json!(5.4)));
    assert!(back["refunded_at"].as_str().is_some_and(|at| at.ends_with('Z')));
}

/// One act of somebody who uses the account.
#[derive(Clone, Debug)]
enum Act {
    Submit(u64),
    Repeat(u64),
    Advance(u16),
    Balance(u16),
    FinishAll,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (0..40_u64).prop_map(Act::Submit),
        2 => (0..40_u64).prop_map(Act::Repeat),
        3 => (0..9_u16).prop_map(Act::Advance),
        1 => (0..60_u16).prop_map(Act::Balance),
        1 => Just(Act::FinishAll),
    ];
    prop::collection::vec(act, 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_credit_appears_or_gets_lost(acts in acts(), seed in 0..1000_u64) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let text = format!("seed = {seed}\nrun_jitter = 0.5\n[balance]\naccount = 60\n\
                [[rules]]\nprobability = 0.3\nthen = {{ end = \"failed\" }}\n\
                [[rules]]\nprobability = 0.1\nthen = {{ end = \"cancelled\" }}\n\
                [[rules]]\nprobability = 0.1\nthen = {{ end = \"never\" }}\n\
                [[rules]]\nprobability = 0.2\nthen = {{ charge = 1.3 }}\n\
                [[faults]]\nroute = \"submit\"\nprobability = 0.2\neffect = {{ kind = \"reset_after\" }}\n\
                [[faults]]\nroute = \"submit\"\nprobability = 0.2\neffect = {{ kind = \"reset_before\" }}\n");
            let service = Fixture::new(&text).await;
            for act in acts {
                match act {
                    Act::Submit(n) | Act::Repeat(n) => drop(service.try_submit(&key(n), &enhance(&service.draft(), n % 4)).await),
                    Act::Advance(seconds) => service.advance(f64::from(seconds)),
                    Act::Balance(credits) => service.simulator.set_balance(Amount::from_credits(f64::from(credits))),
                    Act::FinishAll => drop(service.simulator.finish_all()),
                }
                holds(&service);
            }
            service.simulator.finish_all();
            holds(&service);
            let money = service.simulator.money();
            assert_eq!(money.reserved, Amount::ZERO);
            let mut keys: Vec<_> = service.simulator.ledger().into_iter().filter_map(|entry| entry.key).collect();
            let entries = keys.len();
            keys.sort();
            keys.dedup();
            assert_eq!(keys.len(), entries, "one task per key");
        });
    }
}
