//! How sockets end, and what servers that refuse one say.

use super::*;

#[tokio::test]
async fn a_refusal_is_heard_out() {
    let (listener, url) = listen().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await;
        let body = "n".repeat(3000);
        let answer = format!(
            "HTTP/1.1 403 Forbidden\r\nX-Why: because\r\nContent-Length: 3000\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream
    });
    let declined = websocket::ask(&Options::default(), &url, "/", Vec::new(), None).await;
    let declined = declined.unwrap_err();
    assert!(matches!(declined.failure.error, Error::NotAWebSocket { status: 403, .. }));
    let answer = declined.answer.unwrap();
    assert_eq!((answer.status, answer.headers["x-why"].as_bytes()), (403, &b"because"[..]));
    assert_eq!(answer.body, "n".repeat(1024));
    drop(server.await.unwrap());
}

#[tokio::test]
async fn a_server_that_waits_to_be_read_is_read_while_we_send() {
    const COUNT: usize = 24;
    let (listener, url) = listen().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        agree(&mut stream, b"").await;
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        for _ in 0..COUNT {
            let message = socket.next().await.unwrap().unwrap();
            socket.send(message).await.unwrap();
        }
    });
    let options = Options { max_message: 64 << 20, ..Options::default() };
    let limit = Some(Duration::from_secs(20));
    let mut socket = websocket::open(&options, &url, "/", Vec::new(), limit).await.unwrap();
    // Far more than two socket buffers hold.
    let message = Message::Binary(Bytes::from(vec![7; 1 << 20]));
    for _ in 0..COUNT {
        socket.send(message.clone()).await.unwrap();
    }
    for _ in 0..COUNT {
        assert_eq!(socket.receive().await.unwrap(), Some(message.clone()));
    }
    assert_eq!(socket.messages_received(), COUNT as u64);
    server.await.unwrap();
}

#[tokio::test]
async fn parting_says_close_and_needs_no_owner() {
    let (listener, url) = listen().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        agree(&mut stream, b"").await;
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        socket.next().await.unwrap().unwrap()
    });
    let mut socket =
        websocket::open(&Options::default(), &url, "/", Vec::new(), None).await.unwrap();
    let going = Close { code: 1001, reason: String::new() };
    let parting = socket.parting(Some(going)).unwrap();
    assert!(socket.parting(None).is_none());
    drop(socket);
    tokio::spawn(parting);
    let Theirs::Close(Some(frame)) = server.await.unwrap() else { panic!("no close") };
    assert_eq!(u16::from(frame.code), 1001);
}
