// The application of make test-apps in Express, with Express's defaults: the
// router ignores letter case and a final slash.
//
//   node app.js PORT RECORD            the defaults
//   node app.js PORT RECORD --behind-proxy
//
// The second form adds what Express's guides say of applications behind a proxy
// (trust proxy) and of clients that cannot send DELETE (method-override).
'use strict'

const fs = require('fs')
const express = require('express')

const [port, file, option] = process.argv.slice(2)
const out = fs.openSync(file, 'a')
const app = express()

if (option === '--behind-proxy') {
  const methodOverride = require('method-override')
  app.set('trust proxy', true)
  for (const name of ['X-HTTP-Method', 'X-HTTP-Method-Override', 'X-Method-Override']) app.use(methodOverride(name))
  app.use(methodOverride('_method'))
}

// Each handler records that it ran, before it answers.
function handler (name) {
  return (req, res) => {
    const line = JSON.stringify({
      probe: req.get('x-probe') ?? '',
      handler: name,
      user: req.get('x-user-id') ?? 'nobody',
      groups: req.get('x-user-groups') ?? '',
      method: req.method,
      path: req.baseUrl + req.path,
      id: req.params?.id ?? '',
      host: req.hostname ?? ''
    })
    fs.writeSync(out, line + '\n')
    res.type('json').send(line)
  }
}

app.get('/api/health', handler('health'))
app.get('/api/activities/home', handler('home'))
app.get('/api/admin/users', handler('admin-users'))
app.use('/api/admin/report', handler('admin-report')) // takes every method
app.put('/api/users/:id/profile', handler('profile'))
app.get('/posts/:id', handler('post-read'))
app.post('/posts/:id', handler('post-write'))
app.delete('/posts/:id', handler('post-delete'))
app.get('/messages/:id', handler('message-read'))
app.delete('/messages/:id', handler('message-delete'))
app.get('/tenant', handler('tenant'))
app.get('/admin/', handler('admin-home'))
app.get('/:page', handler('page'))

app.listen(Number(port), '127.0.0.1')
