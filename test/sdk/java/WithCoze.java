import com.coze.openapi.client.chat.CreateChatReq;
import com.coze.openapi.client.chat.model.ChatEventType;
import com.coze.openapi.client.connversations.message.model.Message;
import com.coze.openapi.client.workflows.run.RunWorkflowReq;
import com.coze.openapi.client.workflows.run.model.WorkflowEventMessage;
import com.coze.openapi.service.auth.TokenAuth;
import com.coze.openapi.service.service.CozeAPI;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * The official SDK for Java: WithCoze BASE TOKEN QUESTION... It streams the answers
 * concurrently and prints each result as one line of JSON, in the order of the questions. A
 * question that begins with "workflow: " goes to a workflow.
 */
public class WithCoze {
  public static void main(String[] args) throws Exception {
    CozeAPI coze = new CozeAPI.Builder().baseURL(args[0]).auth(new TokenAuth(args[1])).readTimeout(60000).build();
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    List<CompletableFuture<Map<String, Object>>> results = new ArrayList<>();
    ExecutorService threads = Executors.newCachedThreadPool();
    for (String question : Arrays.asList(args).subList(2, args.length)) {
      String workflow = "workflow: ";
      results.add(
          CompletableFuture.supplyAsync(
              () ->
                  question.startsWith(workflow)
                      ? run(coze, question.substring(workflow.length()))
                      : stream(coze, question),
              threads));
    }
    for (CompletableFuture<Map<String, Object>> result : results) {
      out.println(new ObjectMapper().writeValueAsString(result.get()));
    }
    coze.shutdownExecutor();
    System.exit(0); // the HTTP client keeps threads
  }

  static Map<String, Object> stream(CozeAPI coze, String question) {
    StringBuilder answer = new StringBuilder();
    List<String> events = new ArrayList<>(); // consecutive events of one kind count once
    Map<String, Object> result = new LinkedHashMap<>();
    try {
      CreateChatReq request =
          CreateChatReq.builder()
              .botID("7300000000000000001")
              .userID("sdktest")
              .messages(List.of(Message.buildUserQuestionText(question)))
              .build();
      // A blockingForEach would drop the last events before an error.
      coze.chat()
          .stream(request)
          .blockingSubscribe(
              event -> {
                String kind = event.getEvent() == null ? "unknown" : event.getEvent().getValue();
                if (events.isEmpty() || !events.get(events.size() - 1).equals(kind)) {
                  events.add(kind);
                }
                if (ChatEventType.CONVERSATION_MESSAGE_DELTA.equals(event.getEvent())) {
                  answer.append(event.getMessage().getContent());
                }
                if (ChatEventType.CONVERSATION_CHAT_COMPLETED.equals(event.getEvent())) {
                  result.put("usage", event.getChat().getUsage());
                }
              },
              e -> result.put("error", e.toString()));
    } catch (Exception e) { // the SDK throws many types
      result.put("error", e.toString());
    }
    result.put("answer", answer.toString());
    result.put("events", events);
    return result;
  }

  static Map<String, Object> run(CozeAPI coze, String question) {
    StringBuilder answer = new StringBuilder();
    List<String> events = new ArrayList<>(); // consecutive events of one kind count once
    Map<String, Object> result = new LinkedHashMap<>();
    Map<String, Integer> numbers = new LinkedHashMap<>(); // the next one of each node
    int[] id = {0};
    try {
      RunWorkflowReq request =
          RunWorkflowReq.builder().workflowID("7400000000000000001").parameters(Map.of("input", question)).build();
      coze.workflows()
          .runs()
          .stream(request)
          .blockingSubscribe(
              event -> {
                if (event.getId() != id[0]++) {
                  result.put("error", "event " + event.getId() + ", want " + (id[0] - 1));
                }
                String kind = event.getEvent().getValue();
                if (events.isEmpty() || !events.get(events.size() - 1).equals(kind)) {
                  events.add(kind);
                }
                if (event.getError() != null) {
                  result.put("error", event.getError().getErrorMessage());
                }
                WorkflowEventMessage message = event.getMessage();
                if (message == null) {
                  return;
                }
                answer.append(message.getContent());
                int number = Integer.parseInt(message.getNodeSeqID());
                if (number != numbers.merge(message.getNodeTitle(), 1, Integer::sum) - 1) {
                  result.put("error", "message " + number + " of node " + message.getNodeTitle());
                }
                if (message.getUsage() != null) {
                  result.put("usage", message.getUsage());
                }
              },
              e -> result.putIfAbsent("error", e.toString()));
    } catch (Exception e) { // the SDK throws many types
      result.put("error", e.toString());
    }
    result.put("answer", answer.toString());
    result.put("events", events);
    return result;
  }
}
