//! Lists of channels hold what their reader may see, and the URLs that let it.

use crate::client::{play, read_list, redirect};
use crate::gateway::Gateway;
use crate::{access, file, grant, now, sign};

const USER: &str = "[[user]]\nname = \"ann\"\npassword = \"password1\"\n";

fn names(text: &str) -> Vec<String> {
    let (_, entries) = read_list(text);
    entries
        .iter()
        .map(|entry| entry.attributes["channel-id"].clone())
        .collect()
}

#[tokio::test]
async fn a_list_holds_what_its_reader_may_see() {
    let gateway = Gateway::start(&file(&access(""))).await;
    let token = sign(&grant("news"));
    assert_eq!(names(&gateway.text("/channels.m3u").await), ["open"]);
    let mut late = grant("news");
    late.expires = now();
    let late = format!("/channels.m3u?token={}", sign(&late));
    assert_eq!(names(&gateway.text(&late).await), ["open"]);
    for url in [
        format!("/channels.m3u?token={token}"),
        format!("/t/{token}/channels.m3u"),
    ] {
        let list = gateway.text(&url).await;
        assert_eq!(names(&list), ["news", "open"], "{url}");
        let (header, entries) = read_list(&list);
        for entry in &entries {
            assert!(
                entry.url.contains(&format!("/t/{token}/live/")),
                "{}",
                entry.url
            );
            play(&gateway, &entry.url).await;
        }
        gateway.text(&header["url-tvg"]).await;
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_tuner_is_somebodys_own() {
    let gateway = Gateway::start(&file(&access(""))).await;
    let token = sign(&grant("news"));
    let device = gateway.json(&format!("/t/{token}/discover.json")).await;
    let lineup = gateway.json(device["LineupURL"].as_str().unwrap()).await;
    let channels = lineup.as_array().unwrap();
    assert_eq!(channels.len(), 2, "{lineup}");
    assert_eq!(channels[0]["GuideName"], "news");
    let url = channels[0]["URL"].as_str().unwrap();
    let path = url
        .strip_prefix(&format!("http://{}", gateway.address))
        .unwrap();
    let answer = gateway.ask(http::Method::HEAD, path, &[]).await;
    assert_eq!(answer.status(), 200, "{url}");
    assert_eq!(answer.headers()["content-type"], "video/mp2t");
    let number = url.rsplit_once("/auto/").unwrap().1;
    assert_eq!(gateway.get(&format!("/auto/{number}")).await.status(), 401);
    let plain = gateway.json("/lineup.json").await;
    assert_eq!(plain.as_array().unwrap().len(), 1);
    gateway.stop().await;
}

#[tokio::test]
async fn a_token_is_a_password_of_the_xtream_api() {
    let gateway = Gateway::start(&file(&access(""))).await;
    let token = sign(&grant("news"));
    let api = format!("/player_api.php?username=me&password={token}");
    assert_eq!(gateway.json(&api).await["user_info"]["auth"], 1);
    let streams = gateway
        .json(&format!("{api}&action=get_live_streams"))
        .await;
    let list = streams.as_array().unwrap();
    assert_eq!(list.len(), 2, "{streams}");
    assert_eq!(list[0]["name"], "news");
    let id = list[0]["stream_id"].as_u64().unwrap();
    let location = redirect(&gateway, &format!("/live/me/{token}/{id}.m3u8")).await;
    assert_eq!(location, format!("/t/{token}/live/news/index.m3u8"));
    play(&gateway, &location).await;
    let list = gateway
        .text(&format!(
            "/get.php?username=me&password={token}&output=m3u8"
        ))
        .await;
    assert_eq!(names(&list), ["news", "open"]);
    for wrong in [format!("{token}x"), "password1".to_owned()] {
        let url = format!("/player_api.php?username=me&password={wrong}");
        assert_eq!(gateway.get(&url).await.status(), 401);
        let url = format!("/live/me/{wrong}/{id}.m3u8");
        assert_eq!(gateway.get(&url).await.status(), 401);
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_user_of_the_file_gets_a_token_of_their_own() {
    let gateway = Gateway::start(&file(&format!("{}{USER}", access("")))).await;
    let api = "/player_api.php?username=ann&password=password1&action=get_live_streams";
    let streams = gateway.json(api).await;
    assert_eq!(streams.as_array().unwrap().len(), 3, "{streams}");
    let id = streams[0]["stream_id"].as_u64().unwrap();
    let location = redirect(&gateway, &format!("/live/ann/password1/{id}.m3u8")).await;
    assert!(location.starts_with("/t/hg1.1."), "{location}");
    assert!(!location.contains("password1"));
    play(&gateway, &location).await;
    let other = location.replace("/news/", "/sport/");
    assert_eq!(
        gateway.get(&other).await.status(),
        403,
        "it is for this channel"
    );
    gateway.stop().await;
}
