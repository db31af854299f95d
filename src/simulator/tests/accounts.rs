use super::*;

const OTHER: &str = "sk-other-0123456789abcdef";

#[tokio::test]
async fn another_key_is_another_account_with_its_own_tasks_and_money() {
    let service = Fixture::with(stored("two_accounts")).await;
    let own = service.submit(1, &enhance(&service.simulator.draft_ids()[1], 0)).await.id();
    let theirs = "task-unified-1790000700-0thertsk";
    for (key, mine, strange) in [(service.simulator.key().as_str(), own.as_str(), theirs), (OTHER, theirs, own.as_str())] {
        assert_eq!(service.get_as(key, &format!("/v1/tasks/{mine}")).await.json()["id"], mine);
        let refused = service.get_as(key, &format!("/v1/tasks/{strange}")).await;
        assert_eq!((refused.status, refused.code().as_str()), (404, "task_not_found"));
        let body = json!({"task_ids": [mine, strange]});
        let request = service.http.post(service.url("/v1/tasks/batch")).bearer_auth(key).json(&body);
        let batch = Fixture::run(request).await.expect("an answer").json();
        assert_eq!(batch["data"].as_array().map(Vec::len), Some(1));
        assert_eq!(batch["data"][0]["id"], mine);
        let list = service.get_as(key, "/v1/tasks?model=mj-v7-enhance").await.json();
        assert_eq!((&list["total"], &list["data"][0]["id"]), (&json!(1), &json!(mine)));
    }
    let balance = async |key: &str| service.get_as(key, "/v1/credits").await.json()["data"]["user"]["remaining_credits"].clone();
    assert_eq!((balance(&service.simulator.key()).await, balance(OTHER).await), (json!(407.35), json!(30.0)));
    assert_eq!(service.simulator.ledger().iter().map(|entry| entry.account.as_str()).collect::<Vec<_>>(), ["other", ""]);
    let renewed = service.get_as("sk-first-renewed-0123456789", &format!("/v1/tasks/{own}")).await;
    assert_eq!(renewed.status, 200, "a renewed key belongs to the same account");
    let strange = service.submit(2, &enhance("task-unified-1790000100-0therdra", 0)).await;
    assert_eq!(strange.param(), "model_params.task_id", "a stranger's draft is no source");
}

#[tokio::test]
async fn a_strangers_task_can_also_be_forbidden() {
    let service = Fixture::with(Scenario { strangers_task: StrangersTask::Forbidden, ..stored("two_accounts") }).await;
    let refused = service.get("/v1/tasks/task-unified-1790000700-0thertsk").await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "permission_denied"));
}

#[tokio::test]
async fn idempotency_keys_belong_to_an_account() {
    let service = Fixture::with(stored("two_accounts")).await;
    let own = service.submit(7, &enhance(&service.simulator.draft_ids()[1], 0)).await;
    let body = enhance("task-unified-1790000100-0therdra", 0);
    let request = service.http.post(service.url("/v1/images/generations")).bearer_auth(OTHER).header("Idempotency-Key", key(7));
    let other = Fixture::run(request.json(&body)).await.expect("an answer");
    assert_eq!((other.status, other.header("idempotency-replayed")), (200, None));
    assert_ne!(own.id(), other.id());
}
