import com.alibaba.dashscope.aigc.generation.Generation;
import com.alibaba.dashscope.aigc.generation.GenerationParam;
import com.alibaba.dashscope.aigc.generation.GenerationResult;
import com.alibaba.dashscope.aigc.multimodalconversation.MultiModalConversation;
import com.alibaba.dashscope.aigc.multimodalconversation.MultiModalConversationParam;
import com.alibaba.dashscope.aigc.multimodalconversation.MultiModalConversationResult;
import com.alibaba.dashscope.common.Message;
import com.alibaba.dashscope.common.MultiModalMessage;
import com.alibaba.dashscope.exception.ApiException;
import com.alibaba.dashscope.utils.Constants;
import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/**
 * The SDK of DashScope for Java: WithDashScope JOBS. It reads the jobs and prints their results as
 * with_dashscope.py does.
 */
public final class WithDashScope {
  private static final Gson GSON = new Gson();

  private JsonObject result = new JsonObject();
  private final boolean repeats;

  private WithDashScope(boolean repeats) {
    this.repeats = repeats;
  }

  public static void main(String[] args) {
    for (JsonElement element : JsonParser.parseString(args[0]).getAsJsonArray()) {
      JsonObject job = element.getAsJsonObject();
      String model = job.get("model").getAsString();
      WithDashScope player = new WithDashScope(model.startsWith("omni") || model.startsWith("auto"));
      player.play(job, model);
      JsonObject line = new JsonObject();
      line.add("case", job.get("case"));
      line.addProperty("event", "dashscope-java");
      line.add("data", player.result);
      System.out.println(line);
    }
    System.exit(0); // without the threads of the SDK
  }

  private void play(JsonObject job, String model) {
    Constants.baseHttpApiUrl = job.get("base").getAsString();
    String key = job.get("key").getAsString();
    try {
      if (job.get("legacy").getAsBoolean()) {
        playParts(model, key);
      } else {
        playText(model, key);
      }
    } catch (ApiException e) {
      fail(e.getStatus().getMessage(), e.getStatus().getStatusCode(), e.getStatus().getCode());
    } catch (Exception e) {
      fail(e.toString(), 0, "");
    }
  }

  /** Replaces the result: an error of the SDK overtakes results which nobody has read. */
  private void fail(String message, int status, String type) {
    result = new JsonObject();
    JsonObject error = new JsonObject();
    error.addProperty("message", message);
    error.addProperty("status", status);
    error.addProperty("type", type);
    result.add("error", error);
  }

  private void playText(String model, String key) throws Exception {
    Message question = Message.builder().role("user").content("hi").build();
    var param = GenerationParam.builder().apiKey(key).model(model).resultFormat("message").messages(List.of(question));
    if (!model.startsWith("auto")) {
      param.incrementalOutput(!repeats);
    }
    for (GenerationResult part : new Generation().streamCall(param.build()).blockingIterable()) {
      var choice = part.getOutput().getChoices().get(0);
      add("content", choice.getMessage().getContent());
      add("reasoning", choice.getMessage().getReasoningContent());
      end(choice.getFinishReason());
      result.add("usage", GSON.toJsonTree(part.getUsage()));
      result.addProperty("request_id", part.getRequestId());
    }
  }

  private void playParts(String model, String key) throws Exception {
    MultiModalMessage question =
        MultiModalMessage.builder().role("user").content(List.of(Collections.singletonMap("text", "hi"))).build();
    var param = MultiModalConversationParam.builder().apiKey(key).model(model).message(question);
    if (!model.startsWith("auto")) {
      param.incrementalOutput(!repeats);
    }
    for (MultiModalConversationResult part : new MultiModalConversation().streamCall(param.build()).blockingIterable()) {
      var choice = part.getOutput().getChoices().get(0);
      StringBuilder text = new StringBuilder();
      for (Map<String, Object> content : choice.getMessage().getContent()) {
        text.append(content.get("text"));
      }
      add("content", text.toString());
      end(choice.getFinishReason());
    }
  }

  private void add(String name, String text) {
    String before = !repeats && result.has(name) ? result.get(name).getAsString() : "";
    result.addProperty(name, before + (text == null ? "" : text));
  }

  private void end(String reason) {
    if (!"null".equals(reason)) {
      result.addProperty("ends", (result.has("ends") ? result.get("ends").getAsInt() : 0) + 1);
    }
  }
}
