import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;

import org.apache.catalina.Context;
import org.apache.catalina.startup.Tomcat;

/**
 * The application of make test-apps on an embedded Tomcat, with its defaults.
 *
 * <pre>java -cp JARS App.java PORT RECORD</pre>
 */
public class App {
    private static FileOutputStream out;

    public static void main(String[] args) throws Exception {
        out = new FileOutputStream(args[1], true);
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(Files.createTempDirectory("tomcat").toString());
        tomcat.setHostname("localhost");
        tomcat.setPort(Integer.parseInt(args[0]));
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        Context context = tomcat.addContext("", null);
        map(tomcat, context, "/api/health", new Page("health"));
        map(tomcat, context, "/api/activities/home", new Page("home"));
        map(tomcat, context, "/api/admin/users", new Page("admin-users"));
        map(tomcat, context, "/api/admin/report", new Report());
        map(tomcat, context, "/api/users/*", new Profile());
        map(tomcat, context, "/posts/*", new Post());
        map(tomcat, context, "/messages/*", new Message());
        map(tomcat, context, "/tenant", new Page("tenant"));
        map(tomcat, context, "/admin/", new Page("admin-home"));
        map(tomcat, context, "/", new AnyPage());
        tomcat.start();
        tomcat.getServer().await();
    }

    private static void map(Tomcat tomcat, Context context, String pattern, HttpServlet servlet) {
        Tomcat.addServlet(context, pattern, servlet);
        context.addServletMappingDecoded(pattern, pattern);
    }

    /** Records that a handler ran, before it answers. */
    private static void answer(String name, String id, HttpServletRequest request, HttpServletResponse response) throws IOException {
        String user = request.getHeader("x-user-id");
        String path = request.getServletPath() + (request.getPathInfo() == null ? "" : request.getPathInfo());
        String line = "{" + String.join(",", List.of(
            member("probe", request.getHeader("x-probe")),
            member("handler", name),
            member("user", user == null ? "nobody" : user),
            member("groups", request.getHeader("x-user-groups")),
            member("method", request.getMethod()),
            member("path", path),
            member("id", id),
            member("host", request.getServerName()))) + "}\n";
        synchronized (out) {
            out.write(line.getBytes(StandardCharsets.UTF_8));
        }
        response.setContentType("application/json");
        response.getWriter().print(line);
    }

    /** Writes one member of a JSON object. */
    private static String member(String name, String value) {
        StringBuilder text = new StringBuilder("\"" + name + "\":\"");
        for (char c : (value == null ? "" : value).toCharArray()) {
            text.append(c < ' ' || c > '~' || c == '"' || c == '\\' ? String.format("\\u%04x", (int) c) : String.valueOf(c));
        }
        return text.append('"').toString();
    }

    /** Returns the path below a servlet's own if it is exactly one segment, with a suffix; else answers 404. */
    private static String segment(String suffix, HttpServletRequest request, HttpServletResponse response) throws IOException {
        Matcher found = Pattern.compile("/([^/]+)" + suffix).matcher(request.getPathInfo() == null ? "" : request.getPathInfo());
        if (found.matches()) {
            return found.group(1);
        }
        response.sendError(HttpServletResponse.SC_NOT_FOUND);
        return null;
    }

    /** A page has one handler, for GET. */
    private static class Page extends HttpServlet {
        private final String name;

        Page(String name) {
            this.name = name;
        }

        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            answer(name, "", request, response);
        }
    }

    /** Takes every path of one segment that no other servlet has. */
    private static class AnyPage extends HttpServlet {
        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            if (request.getServletPath().lastIndexOf('/') == 0) {
                answer("page", "", request, response);
            } else {
                response.sendError(HttpServletResponse.SC_NOT_FOUND);
            }
        }
    }

    /** Takes every method. */
    private static class Report extends HttpServlet {
        @Override
        protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
            answer("admin-report", "", request, response);
        }
    }

    private static class Profile extends HttpServlet {
        @Override
        protected void doPut(HttpServletRequest request, HttpServletResponse response) throws IOException {
            String id = segment("/profile", request, response);
            if (id != null) {
                answer("profile", id, request, response);
            }
        }
    }

    private static class Post extends HttpServlet {
        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            one("post-read", request, response);
        }

        @Override
        protected void doPost(HttpServletRequest request, HttpServletResponse response) throws IOException {
            one("post-write", request, response);
        }

        @Override
        protected void doDelete(HttpServletRequest request, HttpServletResponse response) throws IOException {
            one("post-delete", request, response);
        }

        private void one(String name, HttpServletRequest request, HttpServletResponse response) throws IOException {
            String id = segment("", request, response);
            if (id != null) {
                answer(name, id, request, response);
            }
        }
    }

    private static class Message extends HttpServlet {
        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            one("message-read", request, response);
        }

        @Override
        protected void doDelete(HttpServletRequest request, HttpServletResponse response) throws IOException {
            one("message-delete", request, response);
        }

        private void one(String name, HttpServletRequest request, HttpServletResponse response) throws IOException {
            String id = segment("", request, response);
            if (id != null) {
                answer(name, id, request, response);
            }
        }
    }
}
