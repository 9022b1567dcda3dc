addEventListener('activate', (event) => event.waitUntil(clients.claim()))
addEventListener('message', ({ data, ports: [port] }) => {
  fetch(data)
    .then((answer) => answer.text())
    .then(
      (text) => port.postMessage(text),
      () => port.postMessage(''),
    )
})
